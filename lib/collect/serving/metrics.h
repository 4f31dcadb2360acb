// SPDX-License-Identifier: Apache-2.0
//
// The HTTP endpoint that Prometheus scrapes, and that probes ask whether the collector is alive
// (/healthz) and records (/readyz). Two implementations: metrics.cc where prometheus-cpp
// is there, metrics_stub.cc where it is not.
#ifndef TCPINFO_COLLECT_SERVING_METRICS_H
#define TCPINFO_COLLECT_SERVING_METRICS_H

#include <deque>
#include <memory>
#include <string>
#include <system_error>
#include <vector>

#include "collect/config.h"
#include "collect/listen_address.h"
#include "collect/serving/event_server.h"
#include "collect/telemetry/observations.h"
#include "collect/telemetry/publish_counts.h"
#include "collect/telemetry/statistics.h"
#include "collect/telemetry/traffic_table.h"
#include "collect/writing/writer.h"

namespace tcpinfo::collect {

/// Where the numbers are. All of it outlives the endpoint.
struct metric_sources {
  const statistics& counts;
  const observations& seen;
  const event_server* events;  ///< null: no event socket
  const std::vector<std::unique_ptr<writer>>& writers;
  std::int64_t interval_ns;  ///< asked for
  collect::layout layout = collect::layout::connections;
  const traffic_table* traffic = nullptr;                  ///< null: no metrics of the traffic
  const std::deque<publish_counts>* publishing = nullptr;  ///< of each target
};

/// Whether this build has metrics at all.
[[nodiscard]] bool metrics_available() noexcept;

/// Serves /metrics, /healthz and /readyz from a thread of its own, as long as it lives.
class metrics_endpoint {
 public:
  explicit metrics_endpoint(const metric_sources& from);
  ~metrics_endpoint();
  metrics_endpoint(const metrics_endpoint&) = delete;
  metrics_endpoint& operator=(const metrics_endpoint&) = delete;

  /// @return why it cannot listen there: an errno; ENOTSUP without prometheus-cpp.
  [[nodiscard]] std::error_code start(const listen_address& where);
  /// The address it listens on, port 0 replaced by the one that was free.
  [[nodiscard]] const listen_address& where() const noexcept { return where_; }

 private:
  struct impl;
  listen_address where_;
  std::unique_ptr<impl> impl_;
};

}  // namespace tcpinfo::collect

#endif
