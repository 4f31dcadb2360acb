// SPDX-License-Identifier: Apache-2.0
#include <tcpinfo/cache.h>
#include <tcpinfo/internal/expected_flow.h>
#include <tcpinfo/tcp.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <new>
#include <optional>
#include <utility>

#include "cache/carry.h"
#include "cache/cookie_map.h"
#include "cache/kept_message.h"
#include "cache/totals.h"
#include "cache/walk_order.h"
#include "common/callback_scope.h"
#include "common/known_part.h"

namespace tcpinfo::inline v0 {
namespace {

struct flow {
  std::uint64_t cookie = 0;
  kept_message* kept = nullptr;

  [[nodiscard]] bool used() const noexcept { return kept != nullptr; }
};

struct tombstone {
  std::uint64_t cookie = 0;
  std::uint32_t age = 0;  // the table's, when it was last seen
  std::uint32_t present = 0;

  [[nodiscard]] bool used() const noexcept { return present != 0; }
};

constexpr std::size_t endpoints_at = wire::sport_at;
constexpr std::size_t endpoints_end = wire::interface_at;

// What update() needs of a changed message, found in one pass over its attributes.
struct attributes_of_interest {
  explicit attributes_of_interest(const message& m) noexcept {
    for (const attribute& a : m.attributes()) {
      if (a.is(attribute_type::md5sig)) has_keys = true;
      if (a.is(attribute_type::info) && !info) info = a.payload;
    }
  }

  std::optional<bytes_view> info;
  bool has_keys = false;
};

bool is_short(const message& m) noexcept { return m.bytes.size() < wire::inet_diag_msg_size; }

// Whether `next` (`info` is its INFO) belongs to the same connection as `kept`. Otherwise the
// socket was reused: it made another connection later.
bool same_connection(const kept_message& kept, const message& next,
                     const std::optional<bytes_view>& info) noexcept {
  if (std::memcmp(kept.bytes() + endpoints_at, next.bytes.data() + endpoints_at,
                  endpoints_end - endpoints_at) != 0)
    return false;
  return !info || !totals_went_back(kept.info(), *info);
}

// The kernel fills in a message's state, waits for the socket's lock, and then fills in tcp_info.
// When the socket's own program resets it in between, the message says ESTABLISHED and has totals
// that are cleared. Such a message is ignored: a later one tells of the socket's end, or of its
// next connection.
bool is_cleared(const kept_message& kept, const std::optional<bytes_view>& info) noexcept {
  return info && totals_are_zero(*info) && totals_went_back(kept.info(), *info);
}

// The kernel fills in addresses and ports without the socket's lock, too. A closing socket loses
// its local port first, an aborted one its remote port and its own address. Such a message has the
// ends of no connection, and is ignored. (A destroy event still has the local port.)
bool is_taken_apart(const message& m) noexcept { return m.sport() == 0; }

bool is_taken_apart(const kept_message& kept, const message& m) noexcept {
  if (is_taken_apart(m)) return true;
  if (m.state() == static_cast<std::uint8_t>(tcp_state::listen)) return false;  // it is used again
  const message before = kept.view();
  return (m.dport() == 0 && before.dport() != 0) ||
         (m.src().is_unspecified() && !before.src().is_unspecified());
}

}  // namespace

struct [[gnu::visibility("hidden")]] flow_table::impl {
  flow_table_options options;
  cookie_map<flow> flows;
  walk_order order;
  kept_message* last_found = nullptr;  // by update(); nullptr where it may be no more
  cookie_map<tombstone> tombstones;
  std::array<std::uint64_t, 4> expected{};  // cookies
  std::size_t next_expected = 0;
  std::size_t most_tombstones = 0;  // 0: no bound
  std::uint64_t dropped_tombstones = 0;
  bool busy = false;             // inside a callback
  std::uint32_t cycle = 1;       // the one that is running
  std::uint32_t closed_age = 1;  // complete cycles, and what counts as such
  std::size_t seen = 0;          // flows seen in it
  std::size_t block_bytes = 0;   // of kept messages
  // A message without its keys, where it had any, or a final one with what it lacked.
  std::byte* scratch = nullptr;
  std::size_t scratch_size = 0;

  ~impl() {
    flows.for_each([](const flow& f) { kept_message::free(f.kept); });
    std::free(scratch);
  }

  [[nodiscard]] kept_message* find(std::uint64_t cookie) const noexcept {
    if (kept_message* const next = order.expected(); next != nullptr && next->cookie() == cookie)
      return next;
    const flow* const f = flows.find(cookie);
    return f == nullptr ? nullptr : f->kept;
  }
  void set_seen(kept_message & kept) noexcept {
    if (kept.cycle == cycle) return;
    order.seen(&kept);
    kept.cycle = cycle;
    kept.absent = 0;
    ++seen;
  }
  void drop(flow * f) noexcept {
    const bool in_this_cycle = f->kept->cycle == cycle;
    last_found = nullptr;
    if (in_this_cycle) --seen;
    order.replace(f->kept, nullptr, in_this_cycle);
    block_bytes -= f->kept->memory_bytes();
    kept_message::free(f->kept);
    flows.erase(f);
  }
  [[nodiscard]] std::error_code compare(const message& m, std::int64_t now_ns,
                                        flow_update& out) noexcept;
  [[nodiscard]] std::error_code finish(const message& m, flow_update& out) noexcept;
  [[nodiscard]] bool reserve_scratch(std::size_t size) noexcept;
  [[nodiscard]] std::error_code without_keys(const message& m, message& out) noexcept;
  [[nodiscard]] std::error_code complete(const message& event, const message& last,
                                         std::uint32_t parts, flow_update& out) noexcept;
  [[nodiscard]] std::error_code keep(flow * f, const flow_update& update) noexcept;
  [[nodiscard]] std::error_code close(flow * f, std::uint64_t cookie) noexcept;
  void drop_tombstones(std::size_t wanted) noexcept;
};

bool flow_table::impl::reserve_scratch(std::size_t size) noexcept {
  if (scratch_size >= size) return true;
  void* grown = std::realloc(scratch, size);
  if (grown == nullptr) return false;
  scratch = static_cast<std::byte*>(grown);
  scratch_size = size;
  return true;
}

// MD5SIG holds secret keys. It is dropped here, before anything can be kept or recorded.
std::error_code flow_table::impl::without_keys(const message& m, message& out) noexcept {
  out = m;
  if (!m.find(attribute_type::md5sig)) return {};
  out = {};  // Not the message that still has its keys.
  if (!reserve_scratch(wire::align4(m.bytes.size()))) return errc::out_of_memory;
  out.bytes = bytes_view(scratch, carry(m, {}, 0, scratch));
  return {};
}

// The final message, with what it lacks of the last one.
std::error_code flow_table::impl::complete(const message& event, const message& last,
                                           std::uint32_t parts, flow_update& out) noexcept {
  if (parts == 0) return without_keys(event, out.current);
  if (!reserve_scratch(carry_room(event, last))) return errc::out_of_memory;
  out.current.bytes = bytes_view(scratch, carry(event, last, parts, scratch));
  out.carried = parts;
  return {};
}

std::error_code flow_table::impl::keep(flow* f, const flow_update& update) noexcept {
  if (f == nullptr) {
    if (!flows.reserve_one() || !order.reserve_one(flows.size() - seen)) return errc::out_of_memory;
    kept_message* block = kept_message::store(nullptr, update.current, update.now_ns);
    if (block == nullptr) return errc::out_of_memory;
    block_bytes += block->memory_bytes();
    block->cycle = cycle;
    flows.insert({update.current.cookie(), block});
    order.add(block);
    ++seen;
    return {};
  }
  last_found = nullptr;
  const std::size_t before = f->kept->memory_bytes();
  kept_message* block = kept_message::store(f->kept, update.current, update.now_ns);
  if (block == nullptr) return errc::out_of_memory;
  block_bytes = block_bytes - before + block->memory_bytes();
  order.replace(block, block, block->cycle == cycle);
  f->kept = block;
  return {};
}

// Drops about `wanted` tombstones, those first that were last seen longest ago. Ages are counted in
// 128 classes, so that one pass finds the limit; of the last class any go.
void flow_table::impl::drop_tombstones(std::size_t wanted) noexcept {
  std::array<std::size_t, 128> by_age{};
  std::uint64_t oldest = 1;
  tombstones.for_each(
      [&](const tombstone& t) { oldest = std::max<std::uint64_t>(oldest, closed_age - t.age); });
  const auto age_class_of = [&](const tombstone& t) {
    return static_cast<std::size_t>((closed_age - t.age) * (by_age.size() - 1) / oldest);
  };
  tombstones.for_each([&](const tombstone& t) { ++by_age[age_class_of(t)]; });
  std::size_t last = by_age.size() - 1;  // the youngest class of which some go
  std::size_t all = by_age[last];        // from there on
  while (last > 0 && all < wanted) all += by_age[--last];
  std::size_t left_in_last = by_age[last] - (all > wanted ? all - wanted : 0);
  tombstones.erase_if([&](const tombstone& t) {
    const std::size_t age_class = age_class_of(t);
    if (age_class < last || (age_class == last && left_in_last == 0)) return false;
    if (age_class == last) --left_in_last;
    ++dropped_tombstones;
    return true;
  });
}

std::error_code flow_table::impl::close(flow* f, std::uint64_t cookie) noexcept {
  if (tombstones.find(cookie) == nullptr) {
    if (most_tombstones != 0 && tombstones.size() >= most_tombstones)
      drop_tombstones(std::max<std::size_t>(1, most_tombstones / 8));
    if (!tombstones.reserve_one()) return errc::out_of_memory;
    tombstones.insert({cookie, closed_age, 1});
  }
  if (f != nullptr) drop(f);
  return {};
}

flow_table::~flow_table() { delete impl_; }
flow_table::flow_table(flow_table&& other) noexcept : impl_(std::exchange(other.impl_, nullptr)) {}
flow_table& flow_table::operator=(flow_table&& other) noexcept {
  std::swap(impl_, other.impl_);
  return *this;
}

std::error_code flow_table::reset(const flow_table_options& given) noexcept {
  if (impl_ != nullptr && impl_->busy) return errc::busy;
  flow_table_options options;
  if (const std::error_code ec = read_known(given, options)) return ec;
  if (options.stall_interval_ns < 0 || options.reserved != 0) return errc::invalid_argument;
  impl* fresh = new (std::nothrow) impl;
  if (fresh == nullptr) return errc::out_of_memory;
  fresh->options = options;
  delete std::exchange(impl_, fresh);
  return {};
}

void flow_table_internal::expect(const flow_table& table, std::uint64_t cookie) noexcept {
  flow_table::impl* const impl = table.impl_;
  if (impl == nullptr) return;
  impl->flows.fetch(cookie);
  // What was kept of it lies where its entry says, which is here when some others have been named.
  std::uint64_t& turn = impl->expected[impl->next_expected++ % impl->expected.size()];
  const flow* const f = impl->flows.find(std::exchange(turn, cookie));
  if (f != nullptr) f->kept->fetch();
}

// Begins an answer; what a caller of a newer header has behind what is known here stays.
static std::error_code begin_answer(const message& m, std::int64_t now_ns,
                                    flow_update& out) noexcept {
  if (out.size < sizeof(flow_update)) return errc::invalid_argument;
  const std::size_t size = out.size;
  out = {};
  out.size = size;
  out.now_ns = now_ns;
  return is_short(m) ? std::error_code(errc::message_too_short) : std::error_code();
}

std::error_code flow_table::update(const message& m, std::int64_t now_ns,
                                   flow_update& out) noexcept {
  if (impl_ == nullptr) return errc::not_open;
  if (impl_->busy) return errc::busy;
  if (const std::error_code ec = begin_answer(m, now_ns, out)) return ec;
  return impl_->compare(m, now_ns, out);
}

inline std::error_code flow_table::impl::compare(const message& m, std::int64_t now_ns,
                                                 flow_update& out) noexcept {
  const std::uint64_t cookie = m.cookie();
  kept_message* const found = last_found = find(cookie);
  if (found == nullptr) {
    if (tombstone* closed = tombstones.find(cookie)) {
      closed->age = closed_age;
      return {};
    }
    if (is_taken_apart(m)) return {};
    out.change = flow_change::opened;
    return without_keys(m, out.current);
  }
  out.known = 1;
  set_seen(*found);
  const kept_message& kept = *found;
  if (kept.kept_ns == now_ns) return {};
  message current = m;
  if (!same_content(kept, m)) {
    const attributes_of_interest has(m);
    if (has.has_keys)
      if (const auto ec = without_keys(m, current)) return ec;
    // A message that lost its keys is compared again: what was kept has none either.
    if (!has.has_keys || !same_content(kept, current)) {
      if (is_cleared(kept, has.info) || is_taken_apart(kept, m)) return {};
      out.change =
          same_connection(kept, current, has.info) ? flow_change::changed : flow_change::reused;
      out.current = current;
      return {};
    }
  }
  if (now_ns - kept.kept_ns >= options.stall_interval_ns && !same_stall_times(kept, current)) {
    out.change = flow_change::stall_times;
    out.current = current;
  }
  return {};
}

std::error_code flow_table::destroyed(const message& m, std::int64_t now_ns,
                                      flow_update& out) noexcept {
  if (impl_ == nullptr) return errc::not_open;
  if (impl_->busy) return errc::busy;
  if (const std::error_code ec = begin_answer(m, now_ns, out)) return ec;
  return impl_->finish(m, out);
}

std::error_code flow_table::impl::finish(const message& m, flow_update& out) noexcept {
  const std::uint64_t cookie = m.cookie();
  const flow* f = flows.find(cookie);
  if (f == nullptr && tombstones.find(cookie) != nullptr) return {};
  out.known = f != nullptr;
  out.change = flow_change::closed;
  if (f == nullptr) return without_keys(m, out.current);
  const kept_message& last = f->kept->whole();
  const auto info = m.find(attribute_type::info);
  const bool went_back = info && totals_went_back(last.info(), *info);
  const bool cleared = went_back && totals_are_zero(*info);
  // The socket was reused: the last message is of another connection and completes nothing.
  if (went_back && !cleared) {
    out.reused = 1;
    return without_keys(m, out.current);
  }
  return complete(m, last.view(), missing_in(m, last.view(), cleared), out);
}

std::error_code flow_table::commit(const flow_update& update) noexcept {
  if (impl_ == nullptr) return errc::not_open;
  if (impl_->busy) return errc::busy;
  if (update.size < sizeof update || update.change > flow_change::closed)
    return errc::invalid_argument;
  if (update.size > sizeof update) {
    flow_update known;
    if (const auto ec = read_known(update, known)) return ec;
  }
  if (update.change == flow_change::none) return {};
  if (is_short(update.current)) return errc::message_too_short;
  const std::uint64_t cookie = update.current.cookie();
  // Most often it is the one that update() has just found, and its block has room.
  if (kept_message* const last = impl_->last_found;
      last != nullptr && update.change != flow_change::closed && last->cookie() == cookie &&
      update.current.bytes.size() <= last->capacity && !last->leaves_whole(update.current)) {
    (void)kept_message::store(last, update.current, update.now_ns);
    return {};
  }
  flow* f = impl_->flows.find(cookie);
  if (update.change == flow_change::closed) return impl_->close(f, cookie);
  return impl_->keep(f, update);
}

std::error_code flow_table::end_cycle(bool complete, std::int64_t now_ns, absence_callback fn,
                                      void* user) noexcept {
  if (impl_ == nullptr) return errc::not_open;
  impl& t = *impl_;
  if (t.busy) return errc::busy;
  if (!complete) return {};  // the cycle goes on: only what a whole walk did not show is absent
  iteration next = iteration::go_on;
  if (t.seen < t.flows.size()) {
    const callback_scope scope(t.busy);
    t.flows.for_each([&](flow& f) {
      kept_message& kept = *f.kept;
      if (kept.cycle == t.cycle) return;
      if (++kept.absent == 1) kept.absent_ns = now_ns;
      if (fn != nullptr && next == iteration::go_on)
        next = fn(user, {f.cookie, kept.absent, kept.ever_info, kept.absent_ns, kept.view()});
    });
  }
  t.order.end_cycle(t.seen == t.flows.size());
  ++t.cycle;
  t.seen = 0;
  age_closed();
  return next == iteration::stop ? errc::stopped : std::error_code();
}

void flow_table::begin_cycle() noexcept {
  if (impl_ == nullptr || impl_->seen == 0) return;
  impl& t = *impl_;
  t.order.end_cycle(t.seen == t.flows.size());
  ++t.cycle;
  t.seen = 0;
}

void flow_table::age_closed() noexcept {
  if (impl_ == nullptr) return;
  impl& t = *impl_;
  ++t.closed_age;
  if (t.tombstones.size() > 0 && t.closed_age % 16 == 0) {
    t.tombstones.erase_if([&](const tombstone& closed) {
      return t.closed_age - closed.age > t.options.tombstone_cycles;
    });
  }
}

void flow_table::bound_tombstones(std::size_t bytes) noexcept {
  if (impl_ == nullptr) return;
  impl& t = *impl_;
  t.most_tombstones = bytes == 0 ? 0 : cookie_map<tombstone>::most_in(bytes);
  if (t.most_tombstones != 0 && t.tombstones.size() > t.most_tombstones)
    t.drop_tombstones(t.tombstones.size() - t.most_tombstones);
}

std::error_code flow_table::erase(std::uint64_t cookie) noexcept {
  if (impl_ == nullptr) return errc::not_open;
  if (impl_->busy) return errc::busy;
  if (flow* f = impl_->flows.find(cookie)) impl_->drop(f);
  return {};
}

bool flow_table::find(std::uint64_t cookie, message& out) const noexcept {
  const flow* f = impl_ == nullptr ? nullptr : impl_->flows.find(cookie);
  if (f == nullptr) return false;
  out = f->kept->view();
  return true;
}

std::error_code flow_table::for_each(message_callback fn, void* user) const noexcept {
  if (impl_ == nullptr) return errc::not_open;
  if (impl_->busy) return errc::busy;
  if (fn == nullptr) return errc::invalid_argument;
  const callback_scope scope(impl_->busy);
  iteration next = iteration::go_on;
  impl_->flows.for_each([&](const flow& f) {
    if (next == iteration::go_on) next = fn(user, f.kept->view());
  });
  return next == iteration::stop ? errc::stopped : std::error_code();
}

std::size_t flow_table::flows() const noexcept {
  return impl_ == nullptr ? 0 : impl_->flows.size();
}
std::size_t flow_table::tombstones() const noexcept {
  return impl_ == nullptr ? 0 : impl_->tombstones.size();
}
std::uint64_t flow_table::dropped_tombstones() const noexcept {
  return impl_ == nullptr ? 0 : impl_->dropped_tombstones;
}
std::size_t flow_table::tombstone_bytes() const noexcept {
  return impl_ == nullptr ? 0 : impl_->tombstones.memory_bytes();
}
std::size_t flow_table::memory_bytes() const noexcept {
  if (impl_ == nullptr) return 0;
  return sizeof(impl) + impl_->flows.memory_bytes() + impl_->tombstones.memory_bytes() +
         impl_->order.memory_bytes() + impl_->block_bytes + impl_->scratch_size;
}

}  // namespace tcpinfo::inline v0
