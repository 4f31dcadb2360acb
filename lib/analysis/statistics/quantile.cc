// SPDX-License-Identifier: Apache-2.0
#include "analysis/statistics/quantile.h"

#include <cstddef>
#include <limits>

namespace tcpinfo::analysis::statistics {

void quantiles_of(std::span<const observation> sorted, std::span<const std::uint32_t> times,
                  std::span<const unsigned> percents, std::span<double> out) noexcept {
  std::uint64_t total = 0;
  for (const observation& one : sorted) total += times[one.cluster];
  std::uint64_t below = 0;
  std::size_t next = 0;
  bool at_bound = false;  // exactly so many percent are at or below out[next]
  for (const observation& one : sorted) {
    const std::uint32_t n = times[one.cluster];
    if (n == 0) continue;
    if (at_bound) {
      out[next] += (one.value - out[next]) / 2;
      at_bound = false;
      ++next;
    }
    below += n;
    for (; next < percents.size(); ++next) {
      const std::uint64_t wanted = total * percents[next];
      if (below * 100 < wanted) break;
      out[next] = one.value;
      if (below * 100 == wanted) {
        at_bound = true;
        break;
      }
    }
    if (next == percents.size()) return;
  }
}

double quantile_of(std::span<const double> sorted, unsigned percent) noexcept {
  if (sorted.empty()) return std::numeric_limits<double>::quiet_NaN();
  const std::size_t wanted = sorted.size() * percent;
  const std::size_t at = wanted / 100;
  if (wanted % 100 != 0) return sorted[at];
  if (at == 0) return sorted.front();
  return at < sorted.size() ? sorted[at - 1] + (sorted[at] - sorted[at - 1]) / 2 : sorted.back();
}

}  // namespace tcpinfo::analysis::statistics
