// SPDX-License-Identifier: Apache-2.0
//
// What metrics of the traffic are told apart by (--traffic-metrics, --label-limit).
#ifndef TCPINFO_COLLECT_TRAFFIC_LABELS_H
#define TCPINFO_COLLECT_TRAFFIC_LABELS_H

#include <array>
#include <cstddef>
#include <string_view>

namespace tcpinfo::collect {

enum class traffic_label {
  port,    ///< of the service: the lower one of both ends, "ephemeral" where that is high, too
  cc,      ///< congestion control
  prefix,  ///< the other end's network
  cgroup,  ///< in which the socket was made
};
inline constexpr std::array<std::string_view, 4> traffic_label_names = {"port", "cc", "prefix",
                                                                        "cgroup"};

struct traffic_labels {
  std::array<bool, traffic_label_names.size()> wanted{};  ///< by traffic_label
  bool causes = false;                                    ///< connection-seconds by cause
  /// Values of each label that are told apart; of sets of them, four times as many.
  std::size_t limit = 100;

  [[nodiscard]] bool has(traffic_label label) const noexcept {
    return wanted[static_cast<std::size_t>(label)];
  }
};

}  // namespace tcpinfo::collect

#endif
