// SPDX-License-Identifier: Apache-2.0
#include "offline/filters/filters.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <fnmatch.h>
#include <tcpinfo/tcp.h>

#include <algorithm>
#include <utility>

#include "common/lower_case.h"
#include "offline/inputs/owner_text.h"
#include "offline/text/times.h"

namespace tcpinfo::offline {
namespace {

// Names are told apart by letters and digits only: CLOSE_WAIT, close-wait and CloseWait are one.
std::string folded(std::string_view name) {
  std::string text;
  for (const char c : name)
    if (c != '_' && c != '-') text += lower_case(c);
  return text;
}

// As ss(8) has them, for messages.
constexpr std::string_view state_words[] = {
    "established", "syn-sent", "syn-recv",  "fin-wait-1", "fin-wait-2",   "time-wait",     "closed",
    "close-wait",  "last-ack", "listening", "closing",    "new-syn-recv", "bound-inactive"};

constexpr std::uint32_t bit(tcp_state s) { return state_bit(s); }

struct state_alias {
  std::string_view name;  // folded
  std::uint32_t states;
};
// What neither the kernel's names nor the words in the output of ss are.
constexpr state_alias state_aliases[] = {{"synrcv", bit(tcp_state::syn_recv)},
                                         {"closed", bit(tcp_state::close)},
                                         {"unconnected", bit(tcp_state::close)},
                                         {"listening", bit(tcp_state::listen)}};

constexpr std::uint32_t bucket_states = bit(tcp_state::syn_recv) | bit(tcp_state::time_wait);
// All that have a remote end, as the kernel numbers them from 1 to 12.
constexpr std::uint32_t connected_states =
    (1U << 13U) - 2U - bit(tcp_state::close) - bit(tcp_state::listen);
constexpr state_alias state_groups[] = {
    {"all", ~0U},
    {"connected", connected_states},
    {"synchronized", connected_states & ~bit(tcp_state::syn_sent)},
    {"bucket", bucket_states},
    {"big", ~bucket_states}};

std::vector<std::string_view> group_words() {
  std::vector<std::string_view> words;
  for (const state_alias& g : state_groups) words.push_back(g.name);
  return words;
}

std::uint32_t states_called(std::string_view name) {
  for (const state_alias& g : state_groups)
    if (name == g.name) return g.states;
  if (name.starts_with("tcp")) name.remove_prefix(3);  // TCP_ESTABLISHED
  for (const state_alias& a : state_aliases)
    if (name == a.name) return a.states;
  for (std::uint8_t s = 1; s < 32; ++s)
    if (!state_name(s).empty() &&
        (name == folded(state_name(s)) || name == folded(state_ss_name(s))))
      return std::uint32_t{1} << s;
  return 0;
}

template <class T>
bool holds(const std::vector<T>& list, const T& value) {
  return std::find(list.begin(), list.end(), value) != list.end();
}

bool any_contains(const std::vector<text::host_prefix>& hosts, const ip_address& a,
                  std::uint32_t interface) {
  return std::any_of(hosts.begin(), hosts.end(), [&](const text::host_prefix& h) {
    return h.prefix.contains(a) && h.interface.value_or(interface) == interface;
  });
}

}  // namespace

std::string parse_states(std::string_view text, std::uint32_t& states) {
  return text::each_item(text, [&](std::string_view item) -> std::string {
    const std::uint32_t bits = states_called(folded(item));
    if (bits == 0)
      return fmt::format("'{}' is no TCP state: they are {}; and groups of them {}", item,
                         fmt::join(state_words, ", "), fmt::join(group_words(), ", "));
    states |= bits;
    return {};
  });
}

bool record_filter::wants_connection(std::string_view uuid, const socket_id& id,
                                     bool any_dport) const {
  return (options_.uuids.empty() || options_.uuids.holds(uuid, id.cookie)) &&
         has_wanted_ends(id, any_dport);
}

bool record_filter::has_wanted_ends(const socket_id& id, bool any_dport) const {
  const filter_options& o = options_;
  if (!o.ports.empty() && !any_dport && !holds(o.ports, id.sport) && !holds(o.ports, id.dport))
    return false;
  if (!o.sports.empty() && !holds(o.sports, id.sport)) return false;
  if (!o.dports.empty() && !any_dport && !holds(o.dports, id.dport)) return false;
  const std::uint32_t on = id.interface;
  if (!o.hosts.empty() && !any_contains(o.hosts, id.src, on) && !any_contains(o.hosts, id.dst, on))
    return false;
  if (!o.srcs.empty() && !any_contains(o.srcs, id.src, on)) return false;
  return o.dsts.empty() || any_contains(o.dsts, id.dst, on);
}

bool wants_all_connections(const filter_options& o) noexcept {
  return !o.by_name() && o.ports.empty() && o.sports.empty() && o.dports.empty() &&
         o.hosts.empty() && o.srcs.empty() && o.dsts.empty() && !o.by_owner() && o.every_ns == 0;
}

bool record_filter::wants_owner(std::string_view text) const {
  const auto is_any = [](const std::vector<std::string>& patterns, std::string_view given) {
    const std::string name(given);
    return patterns.empty() || std::any_of(patterns.begin(), patterns.end(), [&](const auto& p) {
             return fnmatch(p.c_str(), name.c_str(), 0) == 0;
           });
  };
  // Where no owner is told, none is meant by "*" either.
  if (text.empty()) return false;
  const owner_facts facts = owner_of_text(text);
  return is_any(options_.cgroups, facts.cgroup) && is_any(options_.comms, facts.comm);
}

bool record_filter::wants_state(std::uint8_t state) const noexcept {
  return options_.states == 0 || (state < 32 && (options_.states >> state & 1U) != 0);
}

bool record_filter::wants_time(const timestamp& t) const noexcept {
  if (!options_.since && !options_.until) return true;
  if (t.is_zero()) return false;
  if (options_.since && compare(t, *options_.since) < 0) return false;
  return !options_.until || compare(t, *options_.until) < 0;
}

socket_id record_filter::ends_of(const input_record& r) {
  if (ends_.is_over(r.context)) ends_.clear();
  ends_.enter(r.context);
  socket_id now = r.m.id();
  const bool is_last = r.context != nullptr && r.context->in_segment &&
                       r.m.state() == static_cast<std::uint8_t>(tcp_state::close);
  if (now.dport != 0) {
    if (!is_last) ends_.of(now.cookie) = now;
  } else if (const socket_id* const before = ends_.find(now.cookie)) {
    now = *before;
  }
  // A segment may hold a million connections: of those that ended nothing is remembered.
  if (is_last) ends_.erase(r.m.cookie());
  return now;
}

// The end of an aborted connection has lost its remote port; where what came before it stands in
// another file, nothing tells it.
bool record_filter::is_lost_end(const socket_id& id, std::uint8_t state) noexcept {
  return id.dport == 0 && state == static_cast<std::uint8_t>(tcp_state::close);
}

bool record_filter::judge(const input_record& r) {
  const filter_options& o = options_;
  if (!r.has_message) {
    // A connection without a record is known all the same.
    if (r.is_metadata && !o.uuids.empty()) (void)o.uuids.holds_uuid(r.context->uuid);
    return true;
  }
  if (o.by_owner()) {
    if (r.context == nullptr) return false;
    // Most records have the context of the one before.
    if (owner_context_ != r.context) wants_owner_ = wants_owner(r.context->owner);
    owner_context_ = r.context;
    if (!wants_owner_) return false;
  }
  const bool by_ends = o.by_ends();
  const socket_id ends = by_ends ? ends_of(r) : socket_id{};
  if (o.by_name()) {
    // Both are asked: each notes what it met.
    const bool by_uuid = !o.uuids.empty() && o.uuids.holds(r.uuid(), r.m.cookie());
    const bool by_both_ends = !o.ends.empty() && named_ends_.wants(r);
    if (!by_uuid && !by_both_ends) return false;
  }
  if (by_ends && !has_wanted_ends(ends, is_lost_end(ends, static_cast<std::uint8_t>(r.m.state()))))
    return false;
  return wants_time(r.time);
}

bool record_filter::wants_in_any_state(const input_record& r) {
  const bool wanted = judge(r);
  if (r.has_message) {
    ++counts_.seen;
    if (wanted) ++counts_.passed;
  }
  return wanted;
}

bool record_filter::wants(const input_record& r) {
  const bool wanted =
      judge(r) && (!r.has_message || wants_state(static_cast<std::uint8_t>(r.m.state())));
  if (r.has_message) {
    ++counts_.seen;
    if (wanted) ++counts_.passed;
  }
  return wanted;
}

bool thinner::keeps(const input_record& r) {
  if (!r.has_message || r.time.is_zero()) return true;
  held& h = connections_.of(r.m.cookie());
  const bool first = h.state == 0;
  const bool changed = h.state != r.m.state();
  h.state = static_cast<std::uint8_t>(r.m.state());
  if (!first && !changed) {
    const std::int64_t age = nanoseconds_between(r.time, h.kept);
    if (age >= 0 && age < every_ns_) return false;
  }
  h.kept = r.time;
  h.full = false;
  h.r.context = nullptr;
  return true;
}

void thinner::hold(input_record& r) {
  held& h = connections_.of(r.m.cookie());
  h.r = r;
  h.full = true;
  if (r.of_capture) return;
  if (r.context != nullptr && r.context->in_segment) {
    h.r.parsed = nullptr;
    if (h.r.held != nullptr) return;
    h.bytes.assign(r.m.bytes.begin(), r.m.bytes.end());
    h.r.m = {bytes_view(h.bytes)};
    return;
  }
  // The reader gets an old one to write its next line into; views into this one stay valid.
  std::swap(h.parsed, *r.parsed);
  h.r.parsed = &h.parsed;
}

std::vector<thinner::held*> thinner::take_held() {
  std::vector<held*> all;
  connections_.for_each([&all](held& h) {
    if (h.full) all.push_back(&h);
  });
  std::sort(all.begin(), all.end(),
            [](const held* a, const held* b) { return a->r.line < b->r.line; });
  return all;
}

}  // namespace tcpinfo::offline
