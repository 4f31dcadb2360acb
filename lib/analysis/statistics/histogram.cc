// SPDX-License-Identifier: Apache-2.0
#include "analysis/statistics/histogram.h"

#include <algorithm>
#include <cmath>

namespace tcpinfo::analysis::statistics {
namespace {

// The bound of that number: 1, 2, 5, 10 ... or 1, 10, 100 ..., 1 being number 0. Powers of 10 below
// 1 are quotients: so they are the numbers that a person would write.
double bound(int number, bool fine) noexcept {
  const int steps = fine ? 3 : 1;
  int power = number / steps;
  int step = number % steps;
  if (step < 0) {
    step += steps;
    --power;
  }
  constexpr double factors[] = {1, 2, 5};
  const double whole = std::pow(10.0, std::abs(power));
  return power < 0 ? factors[step] / whole : factors[step] * whole;
}

// The number of the last bound that is not above `value`, which is above 0.
int bound_below(double value, bool fine) noexcept {
  int number = static_cast<int>(std::floor(std::log10(value))) * (fine ? 3 : 1) - 1;
  while (bound(number + 1, fine) <= value) ++number;
  return number;
}

}  // namespace

std::vector<histogram_class> histogram_of(std::span<const double> sorted, std::size_t most) {
  std::vector<histogram_class> made;
  const auto above = std::upper_bound(sorted.begin(), sorted.end(), 0.0);
  if (above != sorted.begin())
    made.push_back({0, 0, static_cast<std::uint64_t>(above - sorted.begin())});
  if (above == sorted.end()) return made;
  bool fine = true;
  const auto classes = [&] {
    return static_cast<std::size_t>(bound_below(sorted.back(), fine) - bound_below(*above, fine)) +
           1;
  };
  if (classes() > most) fine = false;
  auto at = above;
  for (int number = bound_below(*above, fine); at != sorted.end(); ++number) {
    const double to = bound(number + 1, fine);
    const auto end = std::lower_bound(at, sorted.end(), to);
    made.push_back({bound(number, fine), to, static_cast<std::uint64_t>(end - at)});
    at = end;
  }
  return made;
}

}  // namespace tcpinfo::analysis::statistics
