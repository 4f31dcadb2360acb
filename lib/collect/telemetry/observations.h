// SPDX-License-Identifier: Apache-2.0
//
// What the samplers and the writers see of polls and connections, for the metrics: distributions
// and counts. What the collector itself does and loses is in `statistics`. A few stores a poll and
// a record.
#ifndef TCPINFO_COLLECT_TELEMETRY_OBSERVATIONS_H
#define TCPINFO_COLLECT_TELEMETRY_OBSERVATIONS_H

#include <array>
#include <atomic>
#include <cstdint>

#include "collect/telemetry/histogram.h"
#include "collect/telemetry/statistics.h"

namespace tcpinfo::collect {

/// Attribute types are told apart below this; the rest is one.
inline constexpr std::size_t counted_types = 32;

class observations {
 public:
  observations() noexcept;

  // Any thread.

  /// Snapshots were handed to writers.
  void snapshots_taken(std::uint64_t n) noexcept { snapshots.add(n); }
  /// From the beginning of a poll to that of the next.
  void interval(std::int64_t ns) noexcept {
    polling_interval.add(static_cast<double>(ns) * 1e-9);
    achieved_interval.add(static_cast<double>(ns) * 1e-9);
  }
  /// Looks at what was sent and received in the seconds that have passed. One thread calls it, at
  /// least about once a second.
  void observe_rates(std::int64_t now_ns) noexcept;

  // Read by any thread.

  histogram syscall_time_both, syscall_time_ipv4, syscall_time_ipv6;  ///< s
  histogram polling_interval;                                         ///< s
  histogram achieved_interval;                                        ///< s, up to longer ones
  histogram connections_ipv4, connections_ipv6;                       ///< sockets in a poll
  histogram cached;                                                   ///< connections in the table
  histogram send_rate, receive_rate;                                  ///< bit/s, one a second
  counter snapshots;
  counter flows_opened;
  counter flows_closed;
  counter dump_messages;
  counter dump_bytes;
  std::atomic<std::uint64_t> open_flows{0};   ///< of all samplers
  std::atomic<std::uint64_t> sockets_now{0};  ///< in the last complete poll of each
  // Written by the writers, of what they take.
  counter bytes_sent;  ///< by recorded connections, retransmissions included
  counter bytes_received;
  std::array<counter, counted_types> large_attributes;    ///< longer than known, by type
  std::array<counter, counted_types> skipped_attributes;  ///< not known, by type; the last: others

 private:
  std::int64_t rates_since_ns_ = 0;
  std::uint64_t rates_sent_ = 0;
  std::uint64_t rates_received_ = 0;
};

}  // namespace tcpinfo::collect

#endif
