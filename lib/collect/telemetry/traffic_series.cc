// SPDX-License-Identifier: Apache-2.0
#include "collect/telemetry/traffic_series.h"

namespace tcpinfo::collect {
namespace {

// Closest where networks lie that people use: 10 to 300 ms.
constexpr std::array rtt_bounds = {0.0001, 0.0003, 0.001, 0.003, 0.01, 0.02, 0.03, 0.05,
                                   0.075,  0.1,    0.15,  0.2,   0.3,  0.5,  1.0,  3.0};
constexpr std::array lifetime_bounds = {0.001, 0.01,  0.1,   0.3,    1.0,    3.0,     10.0,
                                        30.0,  100.0, 300.0, 1000.0, 3600.0, 14400.0, 86400.0};
constexpr std::array delivery_rate_bounds = {1e3, 1e4, 3e4, 1e5, 3e5, 1e6, 3e6,
                                             1e7, 3e7, 1e8, 3e8, 1e9, 1e10};

}  // namespace

void traffic_distribution::add(double value, std::int64_t time_ns, std::string_view uuid) {
  const std::size_t at = values_.add(value);
  const std::lock_guard lock(mutex_);
  if (exemplars_.empty()) exemplars_.resize(values_.bounds().size() + 1);
  traffic_exemplar& e = exemplars_[at];
  e.uuid.assign(uuid);
  e.value = value;
  e.time_ns = time_ns;
}

std::vector<traffic_exemplar> traffic_distribution::exemplars() const {
  const std::lock_guard lock(mutex_);
  return exemplars_;
}

traffic_series::traffic_series(label_values of) noexcept
    : labels(std::move(of)),
      rtt(rtt_bounds),
      min_rtt(rtt_bounds),
      lifetime(lifetime_bounds),
      delivery_rate(delivery_rate_bounds) {}

}  // namespace tcpinfo::collect
