// SPDX-License-Identifier: Apache-2.0
#ifndef TCPINFO_ANALYSIS_QUANTILES_H
#define TCPINFO_ANALYSIS_QUANTILES_H

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

namespace tcpinfo::analysis {

/// Quantiles of numbers that come in any order. A few numbers cost no memory of their own.
class quantiles {
 public:
  /// How many distinct numbers are kept as they are. Of more, they are all counted in the buckets
  /// of a logarithmic histogram: quantiles are then at most 1/64 (1.6 %) from the exact ones.
  using limit = std::uint16_t;
  static constexpr limit usual = 256;
  /// Keep them all, in the memory of the distinct ones (or of runs of equal ones).
  static constexpr limit none = 0;

  explicit quantiles(limit most_distinct = usual) noexcept : most_distinct_(most_distinct) {}

  void add(std::uint32_t value) {
    if (many_ == nullptr && few_size_ < few_.size())
      few_[few_size_++] = value;
    else
      add_to_many(value);
  }
  /// Numbers from `lowest` to `highest`, so many of them: what for_each() gave.
  void add(std::uint32_t lowest, std::uint32_t highest, std::uint64_t count);
  /// What was given to the other one: then it is as if all had been given to this one, where both
  /// have the same limit, and `later` is empty.
  void merge(quantiles& later);

  /// The mean of the two in the middle where their number is even. nullopt without numbers.
  [[nodiscard]] std::optional<double> median();
  /// The smallest number that at least `percent` of them (1 to 100) do not exceed. nullopt without
  /// numbers.
  [[nodiscard]] std::optional<double> percentile(unsigned percent);
  /// Whether median() and percentile() are of the numbers themselves.
  [[nodiscard]] bool are_exact();
  /// Memory beside the object: none of up to 3 numbers, some 64 bytes and 8 for each run, or for
  /// each bucket from the lowest to the highest one where there are more than 64.
  [[nodiscard]] std::size_t bytes() const noexcept;
  /// Calls `fn(lowest, highest, count)` for those that are counted together, by ascending size: of
  /// numbers that are kept as they are, both are the number.
  template <class F>
  void for_each(F&& fn) {
    settle();
    if (many_ == nullptr) {
      for (std::uint32_t i = 0; i < few_size_;) {
        std::uint32_t n = i;
        while (n < few_size_ && few_[n] == few_[i]) ++n;
        fn(few_[i], few_[i], std::uint64_t{n - i});
        i = n;
      }
      return;
    }
    const std::vector<run>& runs = many_->runs;
    for (std::size_t i = 0; i < runs.size();) {
      const std::uint32_t value = runs[i].value;
      // One that came too often for a run has several.
      std::uint64_t count = 0;
      for (; i < runs.size() && runs[i].value == value; ++i) count += runs[i].times;
      const bool bucket = many_->in_buckets;
      fn(bucket ? lowest_of(value) : value, bucket ? highest_of(value) : value, count);
    }
    for (std::size_t i = 0; i < many_->counts.size(); ++i)
      if (many_->counts[i] != 0) {
        const std::uint32_t bucket = many_->first + static_cast<std::uint32_t>(i);
        fn(lowest_of(bucket), highest_of(bucket), many_->counts[i]);
      }
  }

 private:
  // One after the other, or all that there are of a value.
  struct run {
    std::uint32_t value = 0;
    std::uint32_t times = 0;
  };
  struct many {
    std::vector<run> runs;
    std::size_t sorted = 0;             // so many of them, from the first, each value once
    bool in_buckets = false;            // values of runs are numbers of buckets
    std::uint32_t first = 0;            // the bucket of counts[0]
    std::vector<std::uint64_t> counts;  // by bucket; empty: all are in `runs`
  };

  [[nodiscard]] static std::uint32_t bucket_of(std::uint32_t value) noexcept;
  [[nodiscard]] static std::uint32_t lowest_of(std::uint32_t bucket) noexcept;
  [[nodiscard]] static std::uint32_t highest_of(std::uint32_t bucket) noexcept;
  [[nodiscard]] many& all();
  void add_to_many(std::uint32_t value);
  void add_run(run more);
  void count(std::uint32_t bucket, std::uint64_t times);
  void count_runs();
  void put_runs_in_buckets();
  void compact();
  void settle();
  [[nodiscard]] std::uint64_t sorted_count();
  [[nodiscard]] double at(std::uint64_t index) const;

  std::array<std::uint32_t, 3> few_{};
  std::uint16_t few_size_ = 0;
  limit most_distinct_;
  std::unique_ptr<many> many_;  // has them all, where there is one
};

}  // namespace tcpinfo::analysis

#endif
