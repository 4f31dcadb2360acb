// SPDX-License-Identifier: Apache-2.0
//
// What a sampler's polls show, for the metrics.
#ifndef TCPINFO_COLLECT_SAMPLING_POLL_OBSERVER_H
#define TCPINFO_COLLECT_SAMPLING_POLL_OBSERVER_H

#include <tcpinfo/inetdiag.h>

#include <cstdint>

#include "collect/sampling/source.h"
#include "collect/telemetry/observations.h"

namespace tcpinfo::collect {

/// Looks at the polls of one sampler, on its thread.
class poll_observer {
 public:
  explicit poll_observer(observations& to) noexcept : to_(to) {}
  /// What it saw is no longer there.
  ~poll_observer() { set(0, 0); }
  poll_observer(const poll_observer&) = delete;
  poll_observer& operator=(const poll_observer&) = delete;

  /// A poll begins.
  void begin() noexcept { ipv4_ = ipv6_ = 0; }
  /// It showed a socket.
  void see(const message& m) noexcept { ++(m.family() == address_family::ipv4 ? ipv4_ : ipv6_); }
  /// It has ended, and this many connections are in the table.
  void end(const poll_report& report, std::size_t flows) noexcept;

 private:
  void set(std::uint64_t sockets, std::uint64_t flows) noexcept;

  observations& to_;
  std::uint64_t ipv4_ = 0;
  std::uint64_t ipv6_ = 0;
  std::uint64_t sockets_ = 0;  // in to_.sockets_now
  std::uint64_t flows_ = 0;    // in to_.open_flows
};

}  // namespace tcpinfo::collect

#endif
