// SPDX-License-Identifier: Apache-2.0
//
// When connections opened and ended, as events have told, until a record says so. Only sources that
// follow events tell.
#ifndef TCPINFO_COLLECT_SAMPLING_TOLD_TIMES_H
#define TCPINFO_COLLECT_SAMPLING_TOLD_TIMES_H

#include <cstddef>
#include <cstdint>
#include <unordered_map>

namespace tcpinfo::collect {

/// One thread.
class told_times {
 public:
  /// Since 1970, but for the last; 0: not told.
  struct times {
    std::int64_t opened_ns = 0;
    std::int64_t ended_ns = 0;
    std::int64_t ended_monotonic_ns = 0;
  };

  /// nullptr where nothing was told.
  [[nodiscard]] const times* find(std::uint64_t cookie) const noexcept {
    if (by_cookie_.empty()) return nullptr;
    const auto found = by_cookie_.find(cookie);
    return found == by_cookie_.end() ? nullptr : &found->second;
  }
  /// Zeros where nothing was told.
  [[nodiscard]] times get(std::uint64_t cookie) const noexcept {
    const times* const found = find(cookie);
    return found == nullptr ? times{} : *found;
  }
  /// Forgets what was told before. Throws std::bad_alloc.
  void set_opened(std::uint64_t cookie, std::int64_t opened_ns) {
    make_room();
    by_cookie_[cookie] = {.opened_ns = opened_ns};
  }
  /// Throws std::bad_alloc.
  void set_ended(std::uint64_t cookie, std::int64_t ended_ns, std::int64_t monotonic_ns) {
    make_room();
    times& of = by_cookie_[cookie];
    of.ended_ns = ended_ns;
    of.ended_monotonic_ns = monotonic_ns;
  }
  /// A record has the opening.
  void forget_opened(std::uint64_t cookie) noexcept {
    const auto found = by_cookie_.find(cookie);
    if (found == by_cookie_.end()) return;
    found->second.opened_ns = 0;
    if (found->second.ended_ns == 0) by_cookie_.erase(found);
  }
  void forget(std::uint64_t cookie) noexcept { by_cookie_.erase(cookie); }

 private:
  static constexpr std::size_t most = 100'000;

  // A socket in the kernel opens and has no destroy event: what was told of it would stay for ever.
  void make_room() noexcept {
    if (by_cookie_.size() >= most) by_cookie_.clear();
  }

  std::unordered_map<std::uint64_t, times> by_cookie_;
};

}  // namespace tcpinfo::collect

#endif
