// SPDX-License-Identifier: Apache-2.0
#include "collect/sampling/events/query_plan.h"

#include <tcpinfo/cache.h>

#include <tcpinfo/tcp.h>

#include <algorithm>
#include <cstring>
#include <new>

namespace tcpinfo::collect {
namespace {

constexpr std::int64_t stall_interval_ns = stall_wheel::longest_ns;
static_assert(stall_interval_ns == flow_table_options{}.stall_interval_ns);
// From an event to the first query of a socket whose acknowledgements no event tells of.
constexpr std::int64_t first_pause_ns = stall_wheel::step_ns;
// A tracepoint fires when something begins to happen. So long after it that may not have ended.
constexpr std::int64_t happening_ns = 50'000;

// A message without attributes, for rules that look at the ends of a connection.
struct header_only {
  explicit header_only(const socket_id& id) noexcept {
    bytes[wire::family_at] = static_cast<std::byte>(id.src.family);
    const auto port = [this](std::size_t at, std::uint16_t value) {
      bytes[at] = static_cast<std::byte>(value >> 8U);
      bytes[at + 1] = static_cast<std::byte>(value & 0xffU);
    };
    port(wire::sport_at, id.sport);
    port(wire::dport_at, id.dport);
    std::memcpy(bytes + wire::src_at, id.src.bytes.data(), id.src.bytes.size());
    std::memcpy(bytes + wire::dst_at, id.dst.bytes.data(), id.dst.bytes.size());
  }
  [[nodiscard]] message view() const noexcept { return {bytes}; }

  std::byte bytes[wire::inet_diag_msg_size] = {};
};

// Outside ESTABLISHED no event tells of an acknowledgement that makes nothing be sent. The plan
// therefore has such a socket queried each time that this part of the time since its latest event
// has passed: 8 means an eighth. 0: events tell of everything.
int part_between_queries(unsigned state) noexcept {
  switch (static_cast<tcp_state>(state)) {
    // It goes on sending, with an answer on the way most often.
    case tcp_state::close_wait:
      return 8;
    // The last acknowledgement changes the state, and an event tells of that.
    case tcp_state::fin_wait1:
    case tcp_state::last_ack:
    case tcp_state::closing:
      return 1;
    default:
      return 0;
  }
}

}  // namespace

void query_plan::add(const activity& a) noexcept try {
  activity_.push_back(a);
} catch (const std::bad_alloc&) {
  set_incomplete();
}

void query_plan::query_again(const socket_id& id) noexcept try {
  again_.push_back(id);
} catch (const std::bad_alloc&) {
  set_incomplete();
}

bool query_plan::excludes(const socket_id& id) const noexcept {
  return exclude_ != nullptr && !exclude_->empty() && exclude_->excludes(header_only(id).view());
}

void query_plan::note_stall(const message& m, query_reason why, std::int64_t now_ns) noexcept {
  const std::uint64_t cookie = m.cookie();
  // Stall times grow only while something is unsent or unacknowledged.
  if (m.wqueue() == 0 || m.sport() == 0) return stalls_.stop(cookie);
  const int part = part_between_queries(static_cast<unsigned>(m.state()));
  const std::int64_t before_ns = part > 0 ? stalls_.pause_ns(cookie) : 0;
  if (why == query_reason::suspected) {
    // A shorter pause stays.
    if (before_ns > 0) return;
    // A dump shows all sockets at once: their times are spread, so that no poll queries all.
    const auto share = static_cast<std::int64_t>(scattered(cookie));
    const std::int64_t sooner_ns = share * (stall_interval_ns / 2) >> 32;
    return stalls_.start(m.id(), now_ns + stall_interval_ns - sooner_ns, stall_interval_ns);
  }
  std::int64_t pause_ns = stall_interval_ns;
  if (part > 0)
    pause_ns = why == query_reason::active || before_ns == 0
                   ? first_pause_ns
                   : std::min(before_ns + before_ns / part, stall_interval_ns);
  stalls_.start(m.id(), now_ns + pause_ns, pause_ns);
}

void query_plan::begin() noexcept {
  planned_.begin();
  queries_.clear();
}

bool query_plan::plan(const socket_id& id, query_reason why) {
  // It has no port yet (connecting_sockets sees to it), or has lost it.
  if (id.sport == 0 || id.dport == 0) return false;
  if (id.cookie != 0 && !planned_.add(id.cookie)) return true;
  if (excludes(id)) return false;
  queries_.push_back({id, why});
  if (id.cookie == 0) queries_.back().id.cookie = any_cookie;
  return true;
}

// Two kinds of active socket are queried once more in the next poll. One whose activity is of
// `tick`: it may change again after its query, and no second event of that tick tells of it. One
// whose event came a moment ago: what that began may not have ended at the query (docs/design.md,
// "One tick").
void query_plan::plan_active(std::uint32_t tick, std::int64_t now_ns) {
  for (const socket_id& id : again_) plan(id, query_reason::active);
  again_.clear();
  for (const activity& a : activity_) {
    plan(a.id, query_reason::active);
    if (a.tick == tick || now_ns - a.time_ns < happening_ns) query_again(a.id);
  }
}

// Includes those that would be due right after this poll, so that they are not a tick later each
// time.
void query_plan::plan_stalled(std::int64_t now_ns) {
  stalls_.take_due(now_ns + stall_wheel::step_ns / 2,
                   [this](const socket_id& id) { return plan(id, query_reason::stall_time); });
}

// A socket that was active in `tick` may change again while the dump lasts, and no second event
// tells of it.
void query_plan::replace_by_dump(std::uint32_t tick) noexcept {
  incomplete_ = false;
  for (const activity& a : activity_)
    if (a.tick == tick) query_again(a.id);
  activity_.clear();
}

}  // namespace tcpinfo::collect
