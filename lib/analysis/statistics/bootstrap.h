// SPDX-License-Identifier: Apache-2.0
//
// How much B differs from A, with an interval: clusters of both are drawn anew, with replacement,
// many times (cluster bootstrap), and the differences of these draws say how much the difference
// varies by chance. docs/summary.md says what that takes and where it fails.
#ifndef TCPINFO_ANALYSIS_STATISTICS_BOOTSTRAP_H
#define TCPINFO_ANALYSIS_STATISTICS_BOOTSTRAP_H

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "analysis/statistics/clusters.h"

namespace tcpinfo::analysis::statistics {

struct bootstrap_options {
  std::uint64_t seed = 1;    ///< the same seed and observations give the same interval
  std::size_t draws = 2000;  ///< at least 1
  double confidence = 0.95;  ///< above 0 and below 1
};

/// An interval takes so many clusters of equal size (sample_size::effective) on either side. Fewer
/// say little about how clusters vary: a network in ten that is slow is seen in none of six
/// clusters every second time, and what was not seen is in no draw.
inline constexpr double fewest_clusters = 10;
/// A quantile takes so many observations beyond it on either side: p90 100 of them, p99 1,000. Of a
/// share, so many have what is counted, on both sides together, and so many have not.
inline constexpr std::size_t fewest_beyond = 10;

/// How two numbers are compared.
enum class effect_kind : std::uint8_t {
  ratio,       ///< b / a: of what is above 0, as times and rates
  difference,  ///< b - a
};

/// Why there is no interval.
enum class unsaid : std::uint8_t {
  nothing,       ///< there is one
  no_values,     ///< one of the sides has no observation
  few_values,    ///< fewer than fewest_beyond beyond the quantile, or of one kind
  few_clusters,  ///< fewer than fewest_clusters
  zero,          ///< a ratio to 0
};

struct effect {
  double a = 0;  ///< where there are values
  double b = 0;
  unsaid why = unsaid::nothing;
  double clusters = 0;  ///< sample_size::effective of the side that has fewer
  double change = 1;    ///< b against a; this and the bounds where `why` is nothing
  double low = 1;
  double high = 1;  ///< of a ratio it may be infinite
};

/// Compares quantiles. Observations may come in any order.
class quantile_comparison {
 public:
  quantile_comparison(std::vector<observation> a, std::vector<observation> b);

  [[nodiscard]] const sample_size& size_a() const noexcept { return a_.size; }
  [[nodiscard]] const sample_size& size_b() const noexcept { return b_.size; }
  /// An effect for each of `percents`, which rise, from 1 to 99. Takes time in proportion to draws
  /// and observations.
  [[nodiscard]] std::vector<effect> effects(std::span<const unsigned> percents, effect_kind kind,
                                            const bootstrap_options& options) const;

 private:
  struct side {
    explicit side(std::vector<observation> from);
    std::vector<observation> sorted;
    std::vector<std::uint32_t> cluster_sizes;
    sample_size size;
  };
  side a_;
  side b_;
};

/// Compares shares: the sum of values in the sum of weights, 0 to 1, as a difference.
/// `cases_count`: whether values are 0 or 1, so that those that are few can be told.
[[nodiscard]] effect share_effect(std::vector<observation> a, std::vector<observation> b,
                                  bool cases_count, const bootstrap_options& options);

}  // namespace tcpinfo::analysis::statistics

#endif
