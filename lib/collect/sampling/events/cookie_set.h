// SPDX-License-Identifier: Apache-2.0
//
// The cookies of one poll, each once. Emptying it costs nothing.
#ifndef TCPINFO_COLLECT_SAMPLING_EVENTS_COOKIE_SET_H
#define TCPINFO_COLLECT_SAMPLING_EVENTS_COOKIE_SET_H

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace tcpinfo::collect {

/// 32 bits of a cookie, scattered: the kernel hands out cookies in order.
[[nodiscard]] inline std::size_t scattered(std::uint64_t cookie) noexcept {
  return cookie * 0x9e3779b97f4a7c15U >> 32U;
}

class cookie_set {
 public:
  /// Forgets all.
  void begin() noexcept {
    ++round_;
    size_ = 0;
  }
  /// @return whether it was not there. Throws std::bad_alloc.
  bool add(std::uint64_t cookie) {
    if (2 * (size_ + 1) > entries_.size()) grow();
    for (std::size_t at = scattered(cookie);; ++at) {
      entry& e = entries_[at & (entries_.size() - 1)];
      if (e.round == round_ && e.cookie == cookie) return false;
      if (e.round == round_) continue;
      e = {cookie, round_};
      ++size_;
      return true;
    }
  }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }

 private:
  struct entry {
    std::uint64_t cookie = 0;
    std::uint64_t round = 0;  // entries of earlier rounds are free
  };

  void grow() {
    std::vector<entry> larger(std::max<std::size_t>(256, 2 * entries_.size()));
    for (const entry& e : entries_)
      if (e.round == round_) put(larger, e.cookie);
    entries_ = std::move(larger);
  }
  void put(std::vector<entry>& to, std::uint64_t cookie) const noexcept {
    for (std::size_t at = scattered(cookie);; ++at) {
      entry& e = to[at & (to.size() - 1)];
      if (e.round == round_) continue;
      e = {cookie, round_};
      return;
    }
  }

  std::vector<entry> entries_;  // a power of two, at most half full
  std::uint64_t round_ = 1;
  std::size_t size_ = 0;
};

}  // namespace tcpinfo::collect

#endif
