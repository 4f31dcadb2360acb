// SPDX-License-Identifier: Apache-2.0
//
// Which connections are to be asked for at what time, though no event tells of them.
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
/// monotonic and do not go back.
class clock_wheel {
 public:
  static constexpr std::int64_t longest_ns = 1'000'000'000;
  static constexpr std::int64_t step_ns = 10'000'000;

  [[nodiscard]] bool empty() const noexcept { return clocks_.empty(); }

  /// To be asked for at `due_ns`, and after `pause_ns` each time that it was. Where there is no
  /// memory it is not: its next event says so again.
  void start(const socket_id& id, std::int64_t due_ns, std::int64_t pause_ns) noexcept;
  /// Not to be asked for any more.
  void stop(std::uint64_t cookie) noexcept;
  /// The pause it has now; 0 where it is not asked for.
  [[nodiscard]] std::int64_t pause_ns(std::uint64_t cookie) const noexcept;

  /// Calls `ask(const socket_id&)` for each that is due. It returns whether to go on asking, and
  /// may throw: those that are left are due the next time.
  template <class F>
  void take_due(std::int64_t now_ns, F&& ask);

  /// When the next is due, or `most_ns` where none is before.
  [[nodiscard]] std::int64_t next_due(std::int64_t now_ns, std::int64_t most_ns) const noexcept;

 private:
  struct clock {
    socket_id id;
    std::int64_t due_ns = 0;
    std::int64_t pause_ns = 0;
    std::int64_t step = 0;  // whose slot has it
    bool runs = false;      // else it is dropped when its slot is looked at
  };
  // Cookies; those that were put elsewhere since are stale.
  using slot = std::vector<std::uint64_t>;

  static constexpr std::int64_t slots = 128;
  static_assert(slots * step_ns > longest_ns + 2 * step_ns);

  // In which it is due. Looked at before that time has come, it is looked at in the next one again.
  [[nodiscard]] static std::int64_t step_of(std::int64_t due_ns) noexcept {
    return due_ns / step_ns;
  }
  [[nodiscard]] static std::size_t place_of(std::int64_t step) noexcept {
    return static_cast<std::size_t>(step % slots);
  }
  bool put(std::uint64_t cookie, clock& c) noexcept;
  template <class F>
  void look_at(std::uint64_t cookie, std::int64_t now_ns, F& ask);

  std::unordered_map<std::uint64_t, clock> clocks_;
  std::array<slot, slots> wheel_;
  slot looking_;           // at these
  std::int64_t step_ = 0;  // those up to here were looked at
};

template <class F>
void clock_wheel::take_due(std::int64_t now_ns, F&& ask) {
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
  // What throws is looked at again.
  for (; !looking_.empty(); looking_.pop_back()) look_at(looking_.back(), now_ns, ask);
}

template <class F>
void clock_wheel::look_at(std::uint64_t cookie, std::int64_t now_ns, F& ask) {
  const auto found = clocks_.find(cookie);
  if (found == clocks_.end() || found->second.step > step_) return;
  clock& c = found->second;
  if (c.runs && c.due_ns <= now_ns) {
    c.runs = ask(c.id);
    c.due_ns = now_ns + c.pause_ns;
  }
  if (!c.runs || !put(cookie, c)) clocks_.erase(found);
}

}  // namespace tcpinfo::collect

#endif
