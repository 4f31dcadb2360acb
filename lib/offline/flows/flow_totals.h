// SPDX-License-Identifier: Apache-2.0
#ifndef TCPINFO_OFFLINE_FLOWS_FLOW_TOTALS_H
#define TCPINFO_OFFLINE_FLOWS_FLOW_TOTALS_H

#include <algorithm>
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
  std::optional<std::uint64_t> segs_in;
  std::uint64_t unacked = 0;
  std::uint64_t options = 0;
  // Stall times in us: all the time in which something was to be sent, and two parts of it.
  std::optional<std::uint64_t> busy;
  std::optional<std::uint64_t> rwnd_limited;
  std::optional<std::uint64_t> sndbuf_limited;
  std::optional<std::uint64_t> dsack_dups;
  std::optional<std::uint64_t> reord_seen;

  /// Data bytes sent once: without retransmissions, SYN and FIN.
  [[nodiscard]] std::optional<std::uint64_t> unique() const noexcept {
    if (!sent || !retrans || *retrans > *sent) return std::nullopt;
    return *sent - *retrans;
  }
  /// Of these what was acknowledged, one too many at most (see flow_summary::sent()).
  [[nodiscard]] std::uint64_t acked_data() const noexcept {
    const auto most = unique();
    return most ? std::min(acked, *most) : acked;
  }
};

}  // namespace tcpinfo::offline

#endif
