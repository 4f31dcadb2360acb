// SPDX-License-Identifier: Apache-2.0
#include "collect/telemetry/observations.h"

#include <algorithm>

#include "collect/telemetry/growth.h"
#include "common/time_units.h"

namespace tcpinfo::collect {
namespace {

// Bounds are those of M-Lab's collector, so that what was computed from its buckets can be computed
// from ours.
constexpr std::array time_bounds = {0.001,  0.00125, 0.0016, 0.002,  0.0025, 0.0032, 0.004, 0.005,
                                    0.0063, 0.0079,  0.01,   0.0125, 0.016,  0.02,   0.025, 0.032,
                                    0.04,   0.05,    0.063,  0.079,  0.1,    0.125,  0.16,  0.2};
constexpr auto interval_bounds = [] {
  std::array<double, 30> bounds{};
  for (std::size_t i = 0; i < bounds.size(); ++i) bounds[i] = static_cast<double>(i) / 1000;
  return bounds;
}();
// M-Lab's buckets end at 29 ms.
constexpr std::array wide_interval_bounds = {
    0.001, 0.002, 0.005, 0.0095, 0.0105, 0.011, 0.012, 0.015, 0.02, 0.03, 0.05,
    0.075, 0.1,   0.15,  0.2,    0.3,    0.5,   0.75,  1.,    2.,   5.,   10.};
constexpr std::array count_bounds = {
    1.,    2.,     3.,     4.,     5.,     6.,     8.,     10.,    12.5,   16.,    20.,    25.,
    32.,   40.,    50.,    63.,    79.,    100.,   125.,   160.,   200.,   250.,   320.,   400.,
    500.,  630.,   790.,   1000.,  1250.,  1600.,  2000.,  2500.,  3200.,  4000.,  5000.,  6300.,
    7900., 10000., 12500., 16000., 20000., 25000., 32000., 40000., 50000., 63000., 79000., 1e7};
constexpr std::array rate_bounds = {
    0.,     1.,     10.,    100.,   1e3,    1.58e3, 2.51e3, 3.98e3, 6.31e3, 1e4,    1.58e4, 2.51e4,
    3.98e4, 6.31e4, 1e5,    1.58e5, 2.51e5, 3.98e5, 6.31e5, 1e6,    1.58e6, 2.51e6, 3.98e6, 6.31e6,
    1e7,    1.58e7, 2.51e7, 3.98e7, 6.31e7, 1e8,    1.58e8, 2.51e8, 3.98e8, 6.31e8, 1e9,    1.26e9,
    1.58e9, 2e9,    2.51e9, 3.16e9, 3.98e9, 5.01e9, 6.31e9, 7.94e9, 1e10};
static_assert(count_bounds.size() <= histogram::max_bounds);

}  // namespace

observations::observations() noexcept
    : syscall_time_both(time_bounds),
      syscall_time_ipv4(time_bounds),
      syscall_time_ipv6(time_bounds),
      polling_interval(interval_bounds),
      achieved_interval(wide_interval_bounds),
      connections_ipv4(count_bounds),
      connections_ipv6(count_bounds),
      cached(count_bounds),
      send_rate(rate_bounds),
      receive_rate(rate_bounds) {}

// One observation for each second that has passed, on average over all of them where polls are
// rarer.
void observations::observe_rates(std::int64_t now_ns) noexcept {
  constexpr std::int64_t most = 3600;
  if (rates_since_ns_ == 0) rates_since_ns_ = now_ns;
  const std::int64_t passed = (now_ns - rates_since_ns_) / ns_a_second;
  if (passed <= 0) return;
  rates_since_ns_ += passed * ns_a_second;
  const auto sent = static_cast<double>(growth_of(rates_sent_, bytes_sent.get()));
  const auto received = static_cast<double>(growth_of(rates_received_, bytes_received.get()));
  const std::int64_t observed = std::min(passed, most);
  for (std::int64_t i = 0; i < observed; ++i) {
    send_rate.add(8 * sent / static_cast<double>(observed));
    receive_rate.add(8 * received / static_cast<double>(observed));
  }
}

}  // namespace tcpinfo::collect
