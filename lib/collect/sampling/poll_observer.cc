// SPDX-License-Identifier: Apache-2.0
#include "collect/sampling/poll_observer.h"

#include <utility>

namespace tcpinfo::collect {
namespace {

double seconds(std::int64_t ns) noexcept { return static_cast<double>(ns) * 1e-9; }

}  // namespace

void poll_observer::end(const poll_report& report, std::size_t flows) noexcept {
  const std::pair<histogram&, std::int64_t> dumps[] = {{to_.syscall_time_both, report.both_ns},
                                                       {to_.syscall_time_ipv4, report.ipv4_ns},
                                                       {to_.syscall_time_ipv6, report.ipv6_ns}};
  for (const auto& [times, ns] : dumps)
    if (ns > 0) times.add(seconds(ns));
  to_.dump_messages.add(static_cast<std::uint64_t>(report.messages));
  to_.dump_bytes.add(static_cast<std::uint64_t>(report.bytes));
  // What a failed poll did not show is not zero connections.
  if (report.complete) {
    to_.connections_ipv4.add(static_cast<double>(ipv4_));
    to_.connections_ipv6.add(static_cast<double>(ipv6_));
  }
  to_.cached.add(static_cast<double>(flows));
  set(report.complete ? ipv4_ + ipv6_ : sockets_, flows);
}

// Differences, which wrap where they are negative: others have their share in the sums.
void poll_observer::set(std::uint64_t sockets, std::uint64_t flows) noexcept {
  to_.sockets_now.fetch_add(sockets - sockets_, std::memory_order_relaxed);
  to_.open_flows.fetch_add(flows - flows_, std::memory_order_relaxed);
  sockets_ = sockets;
  flows_ = flows;
}

}  // namespace tcpinfo::collect
