// SPDX-License-Identifier: Apache-2.0
#include "collect/serving/metric_builder.h"

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>

namespace tcpinfo::collect {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricType;

template <class Set>
std::vector<ClientMetric> metrics_of(std::string_view label,
                                     const std::vector<families::sample>& samples, Set set) {
  std::vector<ClientMetric> metrics;
  for (const families::sample& s : samples)
    set(metrics.emplace_back(labelled(label, s.label)), s.value);
  return metrics;
}

}  // namespace

ClientMetric labelled(std::string_view name, std::string_view value) {
  ClientMetric metric;
  if (!name.empty()) metric.label.push_back({std::string(name), std::string(value)});
  return metric;
}

ClientMetric distribution(const histogram& h, ClientMetric metric) {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i <= h.bounds().size(); ++i) {
    sum += h.count(i);
    const double bound =
        i < h.bounds().size() ? h.bounds()[i] : std::numeric_limits<double>::infinity();
    metric.histogram.bucket.push_back({sum, bound});
  }
  metric.histogram.sample_count = sum;
  metric.histogram.sample_sum = h.sum();
  return metric;
}

void families::add(std::string_view name, std::string_view help, MetricType type,
                   std::vector<ClientMetric> metrics) {
  all_.push_back({std::string(name), std::string(help), type, std::move(metrics)});
}

void families::histograms(std::string_view name, std::string_view help,
                          std::vector<ClientMetric> metrics) {
  add(name, help, MetricType::Histogram, std::move(metrics));
}

void families::total(std::string_view name, std::string_view help, const counter& value) {
  totals(name, help, {}, {{{}, number(value)}});
}

void families::totals(std::string_view name, std::string_view help, std::string_view label,
                      const std::vector<sample>& samples) {
  add(name, help, MetricType::Counter,
      metrics_of(label, samples, [](ClientMetric& m, double value) { m.counter.value = value; }));
}

void families::totals(std::string_view name, std::string_view help,
                      std::vector<ClientMetric> metrics) {
  add(name, help, MetricType::Counter, std::move(metrics));
}

void families::gauges(std::string_view name, std::string_view help,
                      std::vector<ClientMetric> metrics) {
  add(name, help, MetricType::Gauge, std::move(metrics));
}

void families::gauge(std::string_view name, std::string_view help, double value) {
  gauges(name, help, {}, {{{}, value}});
}

void families::gauges(std::string_view name, std::string_view help, std::string_view label,
                      const std::vector<sample>& samples) {
  add(name, help, MetricType::Gauge,
      metrics_of(label, samples, [](ClientMetric& m, double value) { m.gauge.value = value; }));
}

void families::info(std::string_view name, std::string_view help,
                    std::initializer_list<std::pair<std::string_view, std::string_view>> labels) {
  ClientMetric metric;
  for (const auto& [key, value] : labels)
    metric.label.push_back({std::string(key), std::string(value)});
  metric.gauge.value = 1;
  add(name, help, MetricType::Gauge, {metric});
}

}  // namespace tcpinfo::collect
