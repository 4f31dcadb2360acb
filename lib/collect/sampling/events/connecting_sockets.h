// SPDX-License-Identifier: Apache-2.0
//
// Sockets that changed to SYN_SENT before they had a port. As a rule the first segment tells of
// such a socket again, with its port. Where no segment can go out (no answer from the next hop), no
// further event comes, and no query can name the socket: only a dump of SYN_SENT shows it.
#ifndef TCPINFO_COLLECT_SAMPLING_EVENTS_CONNECTING_SOCKETS_H
#define TCPINFO_COLLECT_SAMPLING_EVENTS_CONNECTING_SOCKETS_H

#include <tcpinfo/tcp.h>

#include <algorithm>
#include <cstdint>
#include <unordered_map>

#include "collect/sampling/events/activity_feed.h"

namespace tcpinfo::collect {

/// One thread.
class connecting_sockets {
 public:
  [[nodiscard]] bool empty() const noexcept { return since_.empty(); }
  /// Throws std::bad_alloc.
  void note(const activity& a) {
    if (a.state == static_cast<std::uint8_t>(tcp_state::syn_sent) && a.id.sport == 0)
      since_.try_emplace(a.id.cookie, a.time_ns);
    else
      forget(a.id.cookie);
  }
  void forget(std::uint64_t cookie) noexcept {
    if (!since_.empty()) since_.erase(cookie);
  }
  /// Whether to dump SYN_SENT now. Then all are forgotten: the dump shows them.
  [[nodiscard]] bool take_due(std::int64_t now_ns) noexcept {
    if (since_.empty() || now_ns < due_ns_) return false;
    const bool waiting = std::any_of(since_.begin(), since_.end(), [&](const auto& one) {
      return now_ns - one.second >= patience_ns;
    });
    if (!waiting) return false;
    due_ns_ = now_ns + interval_ns;
    since_.clear();
    return true;
  }

 private:
  // A first segment is sent at once, or waits for the address of the next hop.
  static constexpr std::int64_t patience_ns = 5'000'000;
  static constexpr std::int64_t interval_ns = 100'000'000;

  std::unordered_map<std::uint64_t, std::int64_t> since_;  // by cookie; monotonic
  std::int64_t due_ns_ = 0;
};

}  // namespace tcpinfo::collect

#endif
