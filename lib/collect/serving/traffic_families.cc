// SPDX-License-Identifier: Apache-2.0
#include "collect/serving/traffic_families.h"

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "analysis/closing.h"
#include "analysis/why/cause.h"

namespace tcpinfo::collect {
namespace {

using prometheus::ClientMetric;
using all_series = std::vector<std::shared_ptr<traffic_series>>;

ClientMetric labelled(const traffic_series& one, const traffic_labels& wanted) {
  ClientMetric metric;
  for (std::size_t i = 0; i < one.labels.size(); ++i)
    if (wanted.wanted[i])
      metric.label.push_back({std::string(traffic_label_names[i]), one.labels[i]});
  return metric;
}

std::string_view name_of(std::size_t closing) noexcept {
  return analysis::closing_name(static_cast<analysis::closing>(closing));
}

class builder {
 public:
  builder(families& all, const traffic_table& from, exemplars_by_family* exemplars)
      : all_(all), wanted_(from.wanted()), series_(from.all()), exemplars_(exemplars) {}

  void total(std::string_view name, std::string_view help, counter traffic_series::*which) {
    std::vector<ClientMetric> metrics;
    for (const auto& one : series_)
      metrics.emplace_back(labelled(*one, wanted_)).counter.value = number((*one).*which);
    all_.totals(name, help, std::move(metrics));
  }

  void distribution(std::string_view name, std::string_view help,
                    traffic_distribution traffic_series::*which) {
    std::vector<ClientMetric> metrics;
    family_exemplars of_family;
    for (const auto& one : series_) {
      const traffic_distribution& values = (*one).*which;
      metrics.push_back(collect::distribution(values.values(), labelled(*one, wanted_)));
      if (exemplars_ == nullptr) continue;
      auto& of_metric = of_family.emplace_back();
      for (traffic_exemplar& e : values.exemplars()) {
        metric_exemplar& added = of_metric.emplace_back();
        added.uuid = std::move(e.uuid);
        added.value = e.value;
        added.time_ns = e.time_ns;
      }
    }
    if (exemplars_ != nullptr) exemplars_->emplace(name, std::move(of_family));
    all_.histograms(name, help, std::move(metrics));
  }

  // All ends are there from the start, so that a first one is an increase.
  void closed() {
    std::vector<ClientMetric> metrics;
    for (const auto& one : series_)
      for (std::size_t i = 0; i < closings; ++i) {
        if (name_of(i).empty()) continue;
        ClientMetric& metric = metrics.emplace_back(labelled(*one, wanted_));
        metric.label.push_back({"how", std::string(name_of(i))});
        metric.counter.value = number(one->closed[i]);
      }
    all_.totals("tcpinfo_traffic_connections_closed_total",
                "Connections that closed, by how (docs/ends.md).", std::move(metrics));
  }

  void causes() {
    if (!wanted_.causes) return;
    std::vector<ClientMetric> metrics;
    for (const auto& one : series_)
      for (std::size_t i = 0; i < one->cause_ns.size(); ++i) {
        if (one->cause_ns[i].get() == 0) continue;
        ClientMetric& metric = metrics.emplace_back(labelled(*one, wanted_));
        metric.label.push_back(
            {"cause", std::string(analysis::why::name_of(static_cast<analysis::why::cause>(i)))});
        metric.counter.value = number(one->cause_ns[i]) * 1e-9;
      }
    all_.totals("tcpinfo_traffic_cause_seconds_total",
                "Seconds of connections by what limited them (docs/why.md).", std::move(metrics));
  }

  void open() {
    std::vector<ClientMetric> metrics;
    for (const auto& one : series_)
      metrics.emplace_back(labelled(*one, wanted_)).gauge.value =
          static_cast<double>(one->open.load(std::memory_order_relaxed));
    all_.gauges("tcpinfo_traffic_open_connections", "Recorded connections that are open.",
                std::move(metrics));
  }

  [[nodiscard]] std::size_t count() const noexcept { return series_.size(); }

 private:
  families& all_;
  const traffic_labels& wanted_;
  const all_series series_;
  exemplars_by_family* const exemplars_;
};

}  // namespace

void add_traffic(families& all, const traffic_table& from, exemplars_by_family* exemplars) {
  builder to(all, from, exemplars);
  to.total("tcpinfo_traffic_connections_opened_total",
           "Recorded connections that opened since the start.", &traffic_series::opened);
  to.closed();
  to.open();
  to.total("tcpinfo_traffic_segments_sent_total",
           "TCP segments sent, acknowledgements and retransmissions included.",
           &traffic_series::segments_sent);
  to.total("tcpinfo_traffic_segments_retransmitted_total", "TCP segments sent again.",
           &traffic_series::segments_retransmitted);
  to.total("tcpinfo_traffic_segments_spurious_total",
           "TCP segments sent that the other end had already, as its DSACKs told.",
           &traffic_series::segments_spurious);
  to.distribution("tcpinfo_traffic_rtt_seconds",
                  "Smoothed round-trip time, at the end of a connection and every 10 s.",
                  &traffic_series::rtt);
  to.distribution("tcpinfo_traffic_min_rtt_seconds",
                  "Smallest round-trip time, at the end of a connection and every 10 s.",
                  &traffic_series::min_rtt);
  to.distribution("tcpinfo_traffic_lifetime_seconds",
                  "From opening to end, of connections whose opening was seen.",
                  &traffic_series::lifetime);
  to.distribution("tcpinfo_traffic_delivery_rate_bytes_per_second",
                  "Rate at which data reached the other end, at the end of a connection and every "
                  "10 s.",
                  &traffic_series::delivery_rate);
  to.causes();
  std::vector<families::sample> others;
  for (std::size_t i = 0; i < traffic_label_names.size(); ++i)
    if (from.wanted().wanted[i])
      others.push_back(
          {traffic_label_names[i], number(from.others(static_cast<traffic_label>(i)))});
  all.totals("tcpinfo_traffic_others_total",
             "Connections that have \"other\" in a label, because it has as many values as "
             "--label-limit allows.",
             "label", others);
  all.gauge("tcpinfo_traffic_label_sets", "Sets of labels that the traffic's metrics have.",
            static_cast<double>(to.count()));
  all.gauge("tcpinfo_traffic_label_sets_limit", "As many as there may be (--label-limit).",
            static_cast<double>(from.limit()));
}

}  // namespace tcpinfo::collect
