// SPDX-License-Identifier: Apache-2.0
//
// What the records of a writer tell the metrics of the traffic (--traffic-metrics).
#ifndef TCPINFO_COLLECT_WRITING_TRAFFIC_OBSERVER_H
#define TCPINFO_COLLECT_WRITING_TRAFFIC_OBSERVER_H

#include <tcpinfo/bytes.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "analysis/why/cause.h"
#include "analysis/why/cause_clock.h"
#include "collect/telemetry/traffic_table.h"
#include "collect/writing/kept_states.h"
#include "collect/writing/snapshot_header.h"
#include "collect/writing/uuid_prefixes.h"

namespace tcpinfo::collect {

/// What limited a connection, and what of it the metrics know.
struct observed_causes {
  analysis::why::cause_clock clock;
  analysis::why::cause_times told{};
};

/// What is kept of one connection, from its first record to its last.
struct observed_traffic {
  observed_traffic() = default;
  observed_traffic(const observed_traffic&) = delete;
  observed_traffic& operator=(const observed_traffic&) = delete;
  /// One whose final record never came has ended all the same: nobody knows how.
  ~observed_traffic() { close(analysis::closing::unknown); }

  void close(analysis::closing how) noexcept;

  std::shared_ptr<traffic_series> series;  ///< null until its labels are known
  kept_states states;
  std::unique_ptr<observed_causes> causes;  ///< null where nobody wants to know
  std::int64_t since_ns = 0;                ///< since 1970, when it opened; 0: unknown
  std::int64_t next_ns = 0;                 ///< when it is to be observed next
  std::uint64_t sent = 0;                   ///< TCP segments that are counted
  std::uint64_t again = 0;
  std::uint64_t spurious = 0;
  std::uint16_t prefix = 0;  ///< number of its UUID prefix
  bool bbr = false;          ///< is its congestion control
  bool old = false;          ///< what it did before its first record is not to be counted
  bool closed = false;
};

/// The name of a control group, by its number (`INET_DIAG_CGROUP_ID`).
using cgroup_name = std::function<std::string(std::uint64_t)>;

/// Where the label is wanted their paths, as far as they can be told; else nothing.
[[nodiscard]] cgroup_name names_of_cgroups(const traffic_table& table);

/// One for each writer.
class traffic_observer {
 public:
  /// A connection that lives on is observed so often, where there are records of it.
  static constexpr std::int64_t observe_ns = 10'000'000'000;

  /// Both outlive it. Without `names` control groups are told by their numbers.
  traffic_observer(traffic_table& to, const uuid_prefixes& prefixes, cgroup_name names = {});

  /// The next record of the connection that `flow` is of, which is null at its first one. `info`:
  /// payload of INFO; empty where there is none.
  void see(std::unique_ptr<observed_traffic>& flow, const snapshot_header& header,
           bytes_view message, bytes_view info) noexcept;

 private:
  void look(observed_traffic& flow, const snapshot_header& header, bytes_view message,
            bytes_view info, bool is_first);
  void begin(observed_traffic& flow, const snapshot_header& header, bytes_view message);
  void count(observed_traffic& flow, bytes_view info) noexcept;
  void observe(observed_traffic& flow, const snapshot_header& header, bytes_view info, bool ended);

  traffic_table& to_;
  const uuid_prefixes& prefixes_;
  const cgroup_name names_;
  const std::size_t sent_at_, again_at_, spurious_at_;  // in the payload of INFO, u32
};

}  // namespace tcpinfo::collect

#endif
