// SPDX-License-Identifier: Apache-2.0
//
// Which connections are recorded at all, and which with their final record alone.
#ifndef TCPINFO_COLLECT_SAMPLING_RECORD_POLICY_H
#define TCPINFO_COLLECT_SAMPLING_RECORD_POLICY_H

#include <tcpinfo/message.h>

#include <cstddef>
#include <cstdint>
#include <vector>

#include "collect/record_limits.h"

namespace tcpinfo::collect {

/// Const use from any thread.
class record_policy {
 public:
  /// Throws std::bad_alloc.
  explicit record_policy(const record_limits& limits)
      : sample_(limits.sample), leaves_out_(limits.sample > 1 || limits.thin_ns > 0) {
    if (limits.finals_only.empty()) return;
    leaves_out_ = true;
    finals_only_.resize(std::size_t{1} << 16);
    for (const std::uint16_t port : limits.finals_only) finals_only_[port] = true;
  }

  /// Whether anything is left out: where not, nothing else need be asked.
  [[nodiscard]] bool leaves_out() const noexcept { return leaves_out_; }

  /// Whether the connection is one of those that are recorded. The same everywhere, always: a
  /// connection is recorded as a whole, whoever sees it, over restarts too. Of 1 in 100 all are
  /// chosen that are of 1 in 1,000.
  [[nodiscard]] bool chooses(std::uint64_t cookie) const noexcept {
    return sample_ <= 1 || mixed(cookie) % sample_ == 0;
  }
  /// Whether the final record alone is kept of it.
  [[nodiscard]] bool keeps_final_only(const message& m) const noexcept {
    return !finals_only_.empty() && (finals_only_[m.sport()] || finals_only_[m.dport()]);
  }

 private:
  // Cookies are consecutive numbers, and a server may open its connections in a pattern: every bit
  // of the cookie changes each bit of the result with probability 1/2. (The multipliers are those
  // of SplitMix64, public domain.)
  [[nodiscard]] static constexpr std::uint64_t mixed(std::uint64_t x) noexcept {
    x += 0x9e37'79b9'7f4a'7c15;
    x = (x ^ x >> 30U) * 0xbf58'476d'1ce4'e5b9;
    x = (x ^ x >> 27U) * 0x94d0'49bb'1331'11eb;
    return x ^ x >> 31U;
  }

  const std::uint64_t sample_;
  bool leaves_out_;
  std::vector<bool> finals_only_;  // by port; empty: none
};

}  // namespace tcpinfo::collect

#endif
