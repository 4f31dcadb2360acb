// SPDX-License-Identifier: Apache-2.0
//
// The collector's counters in Prometheus's words. Reading them is all there is: nothing is done
// between scrapes.
#ifndef TCPINFO_COLLECT_SERVING_METRIC_FAMILIES_H
#define TCPINFO_COLLECT_SERVING_METRIC_FAMILIES_H

#include <prometheus/metric_family.h>

#include <vector>

#include "collect/serving/http_server.h"
#include "collect/serving/metrics.h"
#include "collect/serving/openmetrics.h"

namespace tcpinfo::collect {

/// All metrics as they are now; their exemplars into `exemplars`, unless that is null. Any thread.
[[nodiscard]] std::vector<prometheus::MetricFamily> metric_families(
    const metric_sources& from, const http_counts& served,
    exemplars_by_family* exemplars = nullptr);

}  // namespace tcpinfo::collect

#endif
