// SPDX-License-Identifier: Apache-2.0
//
// Numbers of many magnitudes in few classes.
#ifndef TCPINFO_ANALYSIS_STATISTICS_HISTOGRAM_H
#define TCPINFO_ANALYSIS_STATISTICS_HISTOGRAM_H

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace tcpinfo::analysis::statistics {

struct histogram_class {
  double from = 0;  ///< this and more
  double to = 0;    ///< less than this; 0 with `from`: what is 0
  std::uint64_t count = 0;
};

/// Classes whose bounds are 1, 2 and 5 times powers of 10, or these powers alone where there were
/// more than `most` of them; before them one of the numbers that are 0, where there are any. No
/// class before the first or behind the last number. `sorted`: from 0 up, rising.
[[nodiscard]] std::vector<histogram_class> histogram_of(std::span<const double> sorted,
                                                        std::size_t most = 16);

}  // namespace tcpinfo::analysis::statistics

#endif
