// SPDX-License-Identifier: Apache-2.0
//
// Puts counts and distributions into Prometheus's words.
#ifndef TCPINFO_COLLECT_SERVING_METRIC_BUILDER_H
#define TCPINFO_COLLECT_SERVING_METRIC_BUILDER_H

#include <prometheus/client_metric.h>
#include <prometheus/metric_family.h>

#include <initializer_list>
#include <string_view>
#include <utility>
#include <vector>

#include "collect/telemetry/histogram.h"
#include "collect/telemetry/statistics.h"

namespace tcpinfo::collect {

[[nodiscard]] prometheus::ClientMetric labelled(std::string_view name, std::string_view value);
/// A histogram's metric, with the labels of `metric`.
[[nodiscard]] prometheus::ClientMetric distribution(const histogram& h,
                                                    prometheus::ClientMetric metric = {});
[[nodiscard]] inline double number(const counter& c) { return static_cast<double>(c.get()); }

/// Metric families in the order in which they are added.
class families {
 public:
  /// One of a family that has a label.
  struct sample {
    std::string_view label;  ///< its value
    double value;
  };

  void histograms(std::string_view name, std::string_view help,
                  std::vector<prometheus::ClientMetric> metrics);
  /// Counters: one, or one for each value of a label.
  void total(std::string_view name, std::string_view help, const counter& value);
  void totals(std::string_view name, std::string_view help, std::string_view label,
              const std::vector<sample>& samples);
  void totals(std::string_view name, std::string_view help,
              std::vector<prometheus::ClientMetric> metrics);
  void gauge(std::string_view name, std::string_view help, double value);
  void gauges(std::string_view name, std::string_view help, std::string_view label,
              const std::vector<sample>& samples);
  void gauges(std::string_view name, std::string_view help,
              std::vector<prometheus::ClientMetric> metrics);
  /// A gauge that is always 1 and has its information in labels.
  void info(std::string_view name, std::string_view help,
            std::initializer_list<std::pair<std::string_view, std::string_view>> labels);

  [[nodiscard]] std::vector<prometheus::MetricFamily> take() { return std::move(all_); }

 private:
  void add(std::string_view name, std::string_view help, prometheus::MetricType type,
           std::vector<prometheus::ClientMetric> metrics);

  std::vector<prometheus::MetricFamily> all_;
};

}  // namespace tcpinfo::collect

#endif
