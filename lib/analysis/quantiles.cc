// SPDX-License-Identifier: Apache-2.0
#include "analysis/quantiles.h"

#include <algorithm>
#include <bit>

namespace tcpinfo::analysis {
namespace {

// Below 64 each number has a bucket of its own; from there on each power of two has 32.
constexpr unsigned octave_bits = 5;
constexpr std::uint32_t octave = 1U << octave_bits;

std::size_t bucket_of(std::uint32_t value) {
  if (value < 2 * octave) return value;
  const auto shift = static_cast<unsigned>(std::bit_width(value)) - octave_bits - 1;
  return std::size_t{shift} * octave + (value >> shift);
}

// The number in the middle of a bucket.
double middle_of(std::size_t bucket) {
  if (bucket < 2 * octave) return static_cast<double>(bucket);
  const auto shift = static_cast<unsigned>(bucket / octave) - 1;
  const std::uint64_t lowest = std::uint64_t{octave + bucket % octave} << shift;
  return static_cast<double>(lowest) + static_cast<double>((std::uint64_t{1} << shift) - 1) / 2;
}

}  // namespace

void quantiles::many::count(std::uint32_t value, std::uint64_t times) {
  const std::size_t bucket = bucket_of(value);
  if (bucket >= buckets.size()) buckets.resize((bucket / octave + 1) * octave);
  buckets[bucket] += times;
}

void quantiles::many::add(std::uint32_t value, bool exact) {
  if (!buckets.empty()) {
    count(value, 1);
    return;
  }
  if (runs.size() > sorted && runs.back().first == value) {
    ++runs.back().second;
    return;
  }
  if (runs.size() >= compact_at) {
    compact();
    if (!exact && runs.size() > most_distinct) {
      for (const auto& [number, times] : runs) count(number, times);
      runs = {};
      sorted = 0;
      count(value, 1);
      return;
    }
    compact_at = std::max(2 * most_distinct, runs.size() * 2);
  }
  runs.emplace_back(value, 1);
}

void quantiles::many::compact() {
  const auto tail = runs.begin() + static_cast<std::ptrdiff_t>(sorted);
  std::sort(tail, runs.end());
  if (sorted != 0) std::inplace_merge(runs.begin(), tail, runs.end());
  std::size_t to = 0;
  for (std::size_t from = 1; from < runs.size(); ++from) {
    if (runs[from].first == runs[to].first)
      runs[to].second += runs[from].second;
    else
      runs[++to] = runs[from];
  }
  if (!runs.empty()) runs.resize(to + 1);
  sorted = runs.size();
}

void quantiles::add(std::uint32_t value, bool exact) {
  if (many_ == nullptr) {
    if (few_size_ < few_.size()) {
      few_[few_size_++] = value;
      return;
    }
    many_ = std::make_unique<many>();
    for (const std::uint32_t one : few_) many_->add(one, exact);
  }
  many_->add(value, exact);
}

std::uint64_t quantiles::sorted_count() {
  if (many_ == nullptr) {
    std::sort(few_.begin(), few_.begin() + few_size_);
    return few_size_;
  }
  many_->compact();
  std::uint64_t count = 0;
  for (const auto& r : many_->runs) count += r.second;
  for (const std::uint64_t c : many_->buckets) count += c;
  return count;
}

double quantiles::at(std::uint64_t index) const {
  if (many_ == nullptr) return few_[index];
  for (const auto& r : many_->runs) {
    if (index < r.second) return r.first;
    index -= r.second;
  }
  for (std::size_t bucket = 0; bucket < many_->buckets.size(); ++bucket) {
    if (index < many_->buckets[bucket]) return middle_of(bucket);
    index -= many_->buckets[bucket];
  }
  return 0;
}

std::optional<double> quantiles::median() {
  const std::uint64_t count = sorted_count();
  if (count == 0) return std::nullopt;
  return (at((count - 1) / 2) + at(count / 2)) / 2;
}

std::optional<double> quantiles::percentile(unsigned percent) {
  const std::uint64_t count = sorted_count();
  if (count == 0) return std::nullopt;
  // Rounded up, in parts that do not overflow.
  const std::uint64_t rank = count / 100 * percent + (count % 100 * percent + 99) / 100;
  return at(std::max<std::uint64_t>(rank, 1) - 1);
}

}  // namespace tcpinfo::analysis
