// SPDX-License-Identifier: Apache-2.0
//
// Mini sockets (what is left of a closed socket in FIN_WAIT2) that opened no connection.
#ifndef TCPINFO_COLLECT_SAMPLING_MINI_SOCKETS_H
#define TCPINFO_COLLECT_SAMPLING_MINI_SOCKETS_H

#include <cstdint>
#include <unordered_map>

namespace tcpinfo::collect {

/// One thread. Times are monotonic.
class mini_sockets {
 public:
  [[nodiscard]] bool contains(std::uint64_t cookie) const noexcept {
    return !shown_ns_.empty() && shown_ns_.contains(cookie);
  }
  /// A dump has shown it. Throws std::bad_alloc.
  void add(std::uint64_t cookie, std::int64_t now_ns) { shown_ns_[cookie] = now_ns; }
  /// Forgets those that no dump has shown for a while. Cheap: does so now and then.
  void age(std::int64_t now_ns) noexcept {
    if (shown_ns_.empty() || now_ns - aged_ns_ < age_ns) return;
    aged_ns_ = now_ns;
    std::erase_if(shown_ns_, [now_ns](const auto& one) { return now_ns - one.second >= age_ns; });
  }

 private:
  // Such a one is gone, or nobody dumps; then an overflow may make a connection of it, a small
  // evil.
  static constexpr std::int64_t age_ns = 10'000'000'000;

  std::unordered_map<std::uint64_t, std::int64_t> shown_ns_;  // by cookie, the last time
  std::int64_t aged_ns_ = 0;
};

}  // namespace tcpinfo::collect

#endif
