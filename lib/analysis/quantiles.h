// SPDX-License-Identifier: Apache-2.0
#ifndef TCPINFO_ANALYSIS_QUANTILES_H
#define TCPINFO_ANALYSIS_QUANTILES_H

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace tcpinfo::analysis {

/// Quantiles of numbers that come in any order. A few numbers cost no memory of their own.
class quantiles {
 public:
  /// How many distinct numbers a bounded one keeps as they are.
  static constexpr std::size_t most_distinct = 256;

  /// `exact`: keep them all, in the memory of the distinct ones (or of runs of equal ones).
  /// Otherwise, from most_distinct on, they are counted in the buckets of a logarithmic histogram,
  /// of some 7 KB at most: quantiles are then at most 1/64 (1.6 %) from the exact ones. Two
  /// histograms are one by adding their counts.
  void add(std::uint32_t value, bool exact);

  /// The mean of the two in the middle where their number is even. nullopt without numbers.
  [[nodiscard]] std::optional<double> median();
  /// The smallest number that at least `percent` of them (1 to 100) do not exceed. nullopt without
  /// numbers.
  [[nodiscard]] std::optional<double> percentile(unsigned percent);
  /// Whether median() and percentile() are of the numbers themselves.
  [[nodiscard]] bool are_exact() const noexcept { return !many_ || many_->buckets.empty(); }

 private:
  struct many {
    std::vector<std::pair<std::uint32_t, std::uint64_t>> runs;  // value, how often in a row
    std::size_t sorted = 0;  // so many of them, from the first, each value once
    std::size_t compact_at = 2 * most_distinct;
    std::vector<std::uint64_t> buckets;  // counts; empty: all are in `runs`

    void add(std::uint32_t value, bool exact);
    void compact();
    void count(std::uint32_t value, std::uint64_t times);
  };
  [[nodiscard]] std::uint64_t sorted_count();
  [[nodiscard]] double at(std::uint64_t index) const;

  std::array<std::uint32_t, 3> few_{};
  std::uint32_t few_size_ = 0;
  std::unique_ptr<many> many_;  // has them all, where there is one
};

}  // namespace tcpinfo::analysis

#endif
