// SPDX-License-Identifier: Apache-2.0
//
// Quantiles of observations that count several times or not at all, as their clusters were drawn.
#ifndef TCPINFO_ANALYSIS_STATISTICS_QUANTILE_H
#define TCPINFO_ANALYSIS_STATISTICS_QUANTILE_H

#include <cstdint>
#include <span>
#include <vector>

#include "analysis/statistics/clusters.h"

namespace tcpinfo::analysis::statistics {

/// Of each of `percents` (rising, from 1 to 99) the lowest value that so many percent of all do not
/// exceed; where that is so of exactly so many, the middle between it and the next one.
/// `sorted`: by value. `times`: by cluster, how often each of its observations counts; one of them
/// at least must count. Writes into `out`, which is as long as `percents`.
void quantiles_of(std::span<const observation> sorted, std::span<const std::uint32_t> times,
                  std::span<const unsigned> percents, std::span<double> out) noexcept;

/// The same of numbers that count once each; NaN where there is none.
[[nodiscard]] double quantile_of(std::span<const double> sorted, unsigned percent) noexcept;

}  // namespace tcpinfo::analysis::statistics

#endif
