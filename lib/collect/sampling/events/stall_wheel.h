// SPDX-License-Identifier: Apache-2.0
//
// A timer wheel of stall times. They grow while a condition lasts, and no event tells of it: the
// event source queries such a connection when its time in the wheel has come.
#ifndef TCPINFO_COLLECT_SAMPLING_EVENTS_STALL_WHEEL_H
#define TCPINFO_COLLECT_SAMPLING_EVENTS_STALL_WHEEL_H

#include <tcpinfo/inetdiag.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <unordered_map>
#include <utility>
#include <vector>

namespace tcpinfo::collect {

/// Each cookie has one time, at most a second away, and is due within 10 ms of it. Times are
/// monotonic and do not go back. One thread.
class stall_wheel {
 public:
  /// As flow_table_options::stall_interval_ns: more, and records of stall times come later.
  static constexpr std::int64_t longest_ns = 1'000'000'000;
  static constexpr std::int64_t step_ns = 10'000'000;

  [[nodiscard]] bool empty() const noexcept { return entries_.empty(); }

  /// The connection is due at `due_ns`, and then `pause_ns` after each time that it was. Does
  /// nothing where memory runs out: its next event starts it again.
  void start(const socket_id& id, std::int64_t due_ns, std::int64_t pause_ns) noexcept;
  /// The connection is due no more.
  void stop(std::uint64_t cookie) noexcept;
  /// The pause it has now; 0 where it is not in the wheel.
  [[nodiscard]] std::int64_t pause_ns(std::uint64_t cookie) const noexcept;

  /// Calls `query(const socket_id&)` for each that is due. It returns whether the connection is to
  /// be due again, and may throw: those that are left are due the next time.
  template <class F>
  void take_due(std::int64_t now_ns, F&& query);

  /// When the next is due, or `most_ns` where none is before.
  [[nodiscard]] std::int64_t next_due(std::int64_t now_ns, std::int64_t most_ns) const noexcept;

 private:
  struct entry {
    socket_id id;
    std::int64_t due_ns = 0;
    std::int64_t pause_ns = 0;
    std::int64_t step = 0;  // whose slot has it
    bool waits = false;     // else look_at() drops it
  };
  // Cookies. One that was put elsewhere since is stale.
  using slot = std::vector<std::uint64_t>;

  static constexpr std::int64_t slots = 128;
  static_assert(slots * step_ns > longest_ns + 2 * step_ns);

  // The step in which it is due. look_at() puts one that comes up before its time into the next.
  [[nodiscard]] static std::int64_t step_of(std::int64_t due_ns) noexcept {
    return due_ns / step_ns;
  }
  [[nodiscard]] static std::size_t place_of(std::int64_t step) noexcept {
    return static_cast<std::size_t>(step % slots);
  }
  bool put(std::uint64_t cookie, entry& e) noexcept;
  template <class F>
  void look_at(std::uint64_t cookie, std::int64_t now_ns, F& query);

  std::unordered_map<std::uint64_t, entry> entries_;
  std::array<slot, slots> wheel_;
  slot looking_;           // cookies that take_due() is to look at
  std::int64_t step_ = 0;  // the last step whose slot went to looking_
};

template <class F>
void stall_wheel::take_due(std::int64_t now_ns, F&& query) {
  const std::int64_t now_step = now_ns / step_ns;
  // After a long pause each slot is looked at once.
  step_ = std::max(step_, now_step - slots);
  for (; step_ < now_step; ++step_) {
    slot& next = wheel_[place_of(step_ + 1)];
    if (looking_.empty()) {
      std::swap(looking_, next);
    } else {
      looking_.insert(looking_.end(), next.begin(), next.end());
      next.clear();
    }
  }
  // Where query() throws, its cookie stays for the next call.
  for (; !looking_.empty(); looking_.pop_back()) look_at(looking_.back(), now_ns, query);
}

template <class F>
void stall_wheel::look_at(std::uint64_t cookie, std::int64_t now_ns, F& query) {
  const auto found = entries_.find(cookie);
  if (found == entries_.end() || found->second.step > step_) return;
  entry& e = found->second;
  if (e.waits && e.due_ns <= now_ns) {
    e.waits = query(e.id);
    e.due_ns = now_ns + e.pause_ns;
  }
  if (!e.waits || !put(cookie, e)) entries_.erase(found);
}

}  // namespace tcpinfo::collect

#endif
