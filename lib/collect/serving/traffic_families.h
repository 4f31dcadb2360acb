// SPDX-License-Identifier: Apache-2.0
#ifndef TCPINFO_COLLECT_SERVING_TRAFFIC_FAMILIES_H
#define TCPINFO_COLLECT_SERVING_TRAFFIC_FAMILIES_H

#include "collect/serving/metric_builder.h"
#include "collect/serving/openmetrics.h"
#include "collect/telemetry/traffic_table.h"

namespace tcpinfo::collect {

/// The metrics of the traffic (--traffic-metrics) as they are now; their exemplars into
/// `exemplars`, unless that is null. Any thread.
void add_traffic(families& all, const traffic_table& from, exemplars_by_family* exemplars);

}  // namespace tcpinfo::collect

#endif
