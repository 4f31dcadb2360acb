// SPDX-License-Identifier: Apache-2.0
#ifndef TCPINFO_OFFLINE_FLOW_TOTALS_H
#define TCPINFO_OFFLINE_FLOW_TOTALS_H

#include <cstdint>
#include <optional>

namespace tcpinfo::offline {

/// The totals and clocks of one snapshot.
struct flow_totals {
  std::uint64_t acked = 0;
  std::uint64_t received = 0;
  std::optional<std::uint64_t> sent;     // with retransmissions
  std::optional<std::uint64_t> retrans;  // bytes
  std::uint64_t total_retrans = 0;
  std::uint64_t segs_out = 0;
  std::optional<std::uint64_t> data_segs_out;
  std::optional<std::uint64_t> data_segs_in;
  std::optional<std::uint64_t> delivered;  // segments
  std::uint64_t retransmits = 0;
  std::uint64_t probes = 0;
  std::uint64_t segs_in = 0;
  std::uint64_t unacked = 0;
  std::uint64_t options = 0;

  /// Data bytes sent once: without retransmissions, SYN and FIN.
  [[nodiscard]] std::optional<std::uint64_t> unique() const noexcept {
    if (!sent || !retrans || *retrans > *sent) return std::nullopt;
    return *sent - *retrans;
  }
};

}  // namespace tcpinfo::offline

#endif
