// SPDX-License-Identifier: Apache-2.0
//
// What is compared and counted of a connection.
#ifndef TCPINFO_OFFLINE_SUMMARIES_CONNECTION_FACTS_H
#define TCPINFO_OFFLINE_SUMMARIES_CONNECTION_FACTS_H

#include <tcpinfo/inetdiag.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

#include "analysis/statistics/bootstrap.h"
#include "analysis/why/cause.h"
#include "offline/flows/flow_summary.h"
#include "offline/flows/why_list.h"

namespace tcpinfo::offline {

/// Numbers of a connection, as `ls` has them.
enum class quantity : std::uint8_t {
  min_rtt,
  median_rtt,
  p95_rtt,
  mean_rate,
  retransmitted,
  duration,
  sent,
  received,
};
inline constexpr std::size_t quantity_count = static_cast<std::size_t>(quantity::received) + 1;

struct quantity_description {
  quantity of;
  std::string_view name;   ///< of the column of `ls`: "min_rtt_us"
  std::string_view title;  ///< for people
  analysis::statistics::effect_kind kind;
  std::string (*text)(double value);  ///< for people
};
/// In the order of the enum.
[[nodiscard]] const std::array<quantity_description, quantity_count>& quantities() noexcept;

/// What limited a connection, and for how long.
struct cause_facts {
  analysis::why::cause main = analysis::why::cause::none;
  analysis::why::cause_times times{};
};

/// Of one connection. Views are those of its flow_list.
struct connection_facts {
  std::array<double, quantity_count> values{};  ///< NaN where unknown
  std::optional<std::int64_t> start_s;          ///< since 1970
  ip_address remote;                            ///< an IPv4-mapped one as IPv4
  std::uint16_t port = 0;                       ///< of the end that was connected to; see port_of()
  closing closed = closing::open;
  std::string_view congestion_control;
  std::string_view cgroup;  ///< of its owner; empty where none was recorded
  std::string_view comm;    ///< name of its owner's process; the same
  std::optional<bool> any_retransmission;
  std::optional<cause_facts> causes;

  [[nodiscard]] double value(quantity q) const noexcept {
    return values[static_cast<std::size_t>(q)];
  }
  /// The /24 or /48 that the other end is in.
  [[nodiscard]] ip_prefix network() const noexcept;
};

/// The port of the end that was connected to; the lower one where nobody knows who connected.
[[nodiscard]] std::uint16_t port_of(const flow_summary& flow) noexcept;

/// `why`: where records were read for causes; else null, and they are those of the clock that
/// summaries keep.
[[nodiscard]] connection_facts facts_of(flow_summary& flow, why_list* why);

}  // namespace tcpinfo::offline

#endif
