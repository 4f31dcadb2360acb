// SPDX-License-Identifier: Apache-2.0
//
// Metrics as OpenMetrics text 1.0.0, which has exemplars; prometheus-cpp writes the older text
// only.
#ifndef TCPINFO_COLLECT_SERVING_OPENMETRICS_H
#define TCPINFO_COLLECT_SERVING_OPENMETRICS_H

#include <prometheus/metric_family.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace tcpinfo::collect {

inline constexpr std::string_view openmetrics_type =
    "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// One observation of a histogram's bucket, by the connection that it is of.
struct metric_exemplar {
  std::string uuid;  ///< empty: there is none
  double value = 0;
  std::int64_t time_ns = 0;  ///< since 1970
};

/// Of a histogram family: for each of its metrics, for each of its buckets.
using family_exemplars = std::vector<std::vector<metric_exemplar>>;
/// By name of the family.
using exemplars_by_family = std::unordered_map<std::string, family_exemplars>;

/// Families must be counters named _total, gauges or histograms. An exemplar whose labels are
/// longer than OpenMetrics allows (128 characters) is left out.
[[nodiscard]] std::string openmetrics_text(const std::vector<prometheus::MetricFamily>& families,
                                           const exemplars_by_family& exemplars = {});

}  // namespace tcpinfo::collect

#endif
