// SPDX-License-Identifier: Apache-2.0
#ifndef TCPINFO_OFFLINE_FLOWS_MEDIAN_H
#define TCPINFO_OFFLINE_FLOWS_MEDIAN_H

#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

namespace tcpinfo::offline {

/// The exact median of numbers, in the memory of the distinct ones (or of runs of equal ones).
class median_of {
 public:
  void add(std::uint32_t value);
  /// The mean of the two in the middle where their number is even. nullopt without numbers.
  [[nodiscard]] std::optional<double> median();

 private:
  void compact();

  std::vector<std::pair<std::uint32_t, std::uint64_t>> runs_;  // value, how often in a row
  std::size_t compact_at_ = 1024;
};

}  // namespace tcpinfo::offline

#endif
