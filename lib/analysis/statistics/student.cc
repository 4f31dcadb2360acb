// SPDX-License-Identifier: Apache-2.0
#include "analysis/statistics/student.h"

#include <cmath>
#include <numbers>

namespace tcpinfo::analysis::statistics {
namespace {

// From here on the normal distribution is within 0.001 of it.
constexpr unsigned nearly_normal = 1000;

// How much lies between -t and t: for whole degrees of freedom it is a finite sum of powers of the
// cosine (Abramowitz and Stegun 26.7.3 and 26.7.4).
double student_within(double t, unsigned freedom) noexcept {
  const double angle = std::atan(t / std::sqrt(static_cast<double>(freedom)));
  const double sine = std::sin(angle);
  const double cosine = std::cos(angle);
  const bool odd = freedom % 2 == 1;
  double sum = 0;
  double term = odd ? cosine : 1;
  for (unsigned power = odd ? 1 : 0; power + 2 <= freedom; power += 2) {
    sum += term;
    term *= cosine * cosine * (power + 1.0) / (power + 2.0);
  }
  return odd ? (angle + sine * sum) * 2 * std::numbers::inv_pi : sine * sum;
}

}  // namespace

double normal_below(double z) noexcept { return std::erfc(-z / std::numbers::sqrt2) / 2; }

double student_below(double t, unsigned freedom) noexcept {
  if (freedom >= nearly_normal) return normal_below(t);
  const double within = student_within(std::fabs(t), freedom);
  return t < 0 ? (1 - within) / 2 : (1 + within) / 2;
}

double student_quantile(double share, unsigned freedom) noexcept {
  double low = -1;
  double high = 1;
  while (student_below(low, freedom) > share) low *= 2;
  while (student_below(high, freedom) < share) high *= 2;
  // As near as numbers of this kind are.
  for (int i = 0; i < 100; ++i) {
    const double middle = low + (high - low) / 2;
    (student_below(middle, freedom) < share ? low : high) = middle;
  }
  return high;
}

}  // namespace tcpinfo::analysis::statistics
