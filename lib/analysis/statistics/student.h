// SPDX-License-Identifier: Apache-2.0
//
// The normal distribution and Student's, as intervals need them.
#ifndef TCPINFO_ANALYSIS_STATISTICS_STUDENT_H
#define TCPINFO_ANALYSIS_STATISTICS_STUDENT_H

namespace tcpinfo::analysis::statistics {

/// How much of the normal distribution lies below `z`.
[[nodiscard]] double normal_below(double z) noexcept;

/// How much of Student's distribution lies below `t`. `freedom`: degrees, at least 1.
[[nodiscard]] double student_below(double t, unsigned freedom) noexcept;

/// Where `share` of it lies below. `share`: above 0 and below 1.
[[nodiscard]] double student_quantile(double share, unsigned freedom) noexcept;

}  // namespace tcpinfo::analysis::statistics

#endif
