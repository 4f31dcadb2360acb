// SPDX-License-Identifier: Apache-2.0
#include "analysis/quantiles.h"

#include <algorithm>
#include <bit>
#include <limits>

namespace tcpinfo::analysis {
namespace {

// Below 64 each number has a bucket of its own; from there on each power of two has 32.
constexpr unsigned octave_bits = 5;
constexpr std::uint32_t octave = 1U << octave_bits;
// So many buckets are kept as runs: what somebody wrote with a few bytes does not take the memory
// of all buckets between the lowest and the highest one.
constexpr std::size_t few_buckets = 64;
// So many runs are looked through for equal ones at the earliest.
constexpr std::size_t few_runs = 16;
constexpr std::uint32_t most_times = std::numeric_limits<std::uint32_t>::max();

}  // namespace

std::uint32_t quantiles::bucket_of(std::uint32_t value) noexcept {
  if (value < 2 * octave) return value;
  const auto shift = static_cast<unsigned>(std::bit_width(value)) - octave_bits - 1;
  return shift * octave + (value >> shift);
}

std::uint32_t quantiles::lowest_of(std::uint32_t bucket) noexcept {
  if (bucket < 2 * octave) return bucket;
  return (octave + bucket % octave) << (bucket / octave - 1);
}

std::uint32_t quantiles::highest_of(std::uint32_t bucket) noexcept {
  if (bucket < 2 * octave) return bucket;
  return lowest_of(bucket) + ((1U << (bucket / octave - 1)) - 1);
}

quantiles::many& quantiles::all() {
  if (many_ == nullptr) {
    auto made = std::make_unique<many>();
    made->runs.reserve(few_runs);
    for (std::uint32_t i = 0; i < few_size_; ++i) made->runs.push_back({few_[i], 1});
    many_ = std::move(made);
    few_size_ = 0;
  }
  return *many_;
}

void quantiles::add_to_many(std::uint32_t value) {
  many& m = all();
  if (m.in_buckets) value = bucket_of(value);
  if (!m.counts.empty())
    count(bucket_of(value), 1);
  else if (m.runs.size() > m.sorted && m.runs.back().value == value &&
           m.runs.back().times != most_times)
    ++m.runs.back().times;
  else
    add_run({value, 1});
}

// Where the room for runs is full, equal ones become one: often that is room enough.
void quantiles::add_run(run more) {
  many& m = *many_;
  if (m.runs.size() == m.runs.capacity()) {
    const bool was_in_buckets = m.in_buckets;
    settle();
    if (!m.counts.empty()) {
      count(was_in_buckets ? more.value : bucket_of(more.value), more.times);
      return;
    }
    m.runs.reserve(std::max(few_runs, 2 * m.runs.size()));
  }
  m.runs.push_back(more);
}

void quantiles::count(std::uint32_t bucket, std::uint64_t times) {
  many& m = *many_;
  if (m.counts.empty()) m.first = bucket;
  if (bucket < m.first) {
    // Whole octaves, so that it seldom grows.
    const std::uint32_t first = bucket / octave * octave;
    m.counts.insert(m.counts.begin(), m.first - first, 0);
    m.first = first;
  }
  const std::size_t at = bucket - m.first;
  if (at >= m.counts.size()) m.counts.resize((bucket / octave + 1) * octave - m.first);
  m.counts[at] += times;
}

void quantiles::count_runs() {
  many& m = *many_;
  for (const run& r : m.runs) count(m.in_buckets ? r.value : bucket_of(r.value), r.times);
  m.runs = {};
  m.sorted = 0;
  m.in_buckets = false;
}

void quantiles::put_runs_in_buckets() {
  many& m = *many_;
  for (run& r : m.runs) r.value = bucket_of(r.value);
  // Values next to each other may have become equal ones.
  m.sorted = 0;
  m.in_buckets = true;
}

void quantiles::add(std::uint32_t lowest, std::uint32_t highest, std::uint64_t count) {
  if (count == 0) return;
  if (many_ == nullptr && lowest >= highest && count <= few_.size() - few_size_) {
    for (; count != 0; --count) few_[few_size_++] = lowest;
    return;
  }
  many& m = all();
  const std::uint32_t bucket = bucket_of(lowest + (std::max(highest, lowest) - lowest) / 2);
  if (count > most_times) count_runs();
  if (count > most_times || !m.counts.empty()) {
    this->count(bucket, count);
    return;
  }
  if (!m.in_buckets && lowest < highest) put_runs_in_buckets();
  add_run({m.in_buckets ? bucket : lowest, static_cast<std::uint32_t>(count)});
}

void quantiles::merge(quantiles& later) {
  later.for_each([this](std::uint32_t lowest, std::uint32_t highest, std::uint64_t count) {
    add(lowest, highest, count);
  });
  later.few_size_ = 0;
  later.many_.reset();
}

void quantiles::compact() {
  std::vector<run>& runs = many_->runs;
  const auto less = [](const run& a, const run& b) { return a.value < b.value; };
  const auto tail = runs.begin() + static_cast<std::ptrdiff_t>(many_->sorted);
  std::sort(tail, runs.end(), less);
  if (many_->sorted != 0) std::inplace_merge(runs.begin(), tail, runs.end(), less);
  std::size_t to = 0;
  for (std::size_t from = 1; from < runs.size(); ++from) {
    if (runs[from].value == runs[to].value && runs[from].times <= most_times - runs[to].times)
      runs[to].times += runs[from].times;
    else
      runs[++to] = runs[from];
  }
  if (!runs.empty()) runs.resize(to + 1);
  many_->sorted = runs.size();
}

// Makes of all that was given what does not depend on the order in which it was.
void quantiles::settle() {
  if (many_ == nullptr) {
    std::sort(few_.begin(), few_.begin() + few_size_);
    return;
  }
  if (!many_->counts.empty()) return;
  compact();
  if (many_->in_buckets ? many_->runs.size() > few_buckets
                        : most_distinct_ != none && many_->runs.size() > most_distinct_)
    count_runs();
}

std::uint64_t quantiles::sorted_count() {
  settle();
  if (many_ == nullptr) return few_size_;
  std::uint64_t count = 0;
  for (const run& r : many_->runs) count += r.times;
  for (const std::uint64_t c : many_->counts) count += c;
  return count;
}

double quantiles::at(std::uint64_t index) const {
  if (many_ == nullptr) return few_[index];
  // The number in the middle of its bucket.
  const auto middle_of = [](std::uint32_t bucket) {
    return (static_cast<double>(lowest_of(bucket)) + static_cast<double>(highest_of(bucket))) / 2;
  };
  for (const run& r : many_->runs) {
    if (index < r.times) return many_->in_buckets ? middle_of(r.value) : r.value;
    index -= r.times;
  }
  for (std::size_t i = 0; i < many_->counts.size(); ++i) {
    if (index < many_->counts[i]) return middle_of(many_->first + static_cast<std::uint32_t>(i));
    index -= many_->counts[i];
  }
  return 0;
}

bool quantiles::are_exact() {
  settle();
  return many_ == nullptr || (many_->counts.empty() && !many_->in_buckets);
}

std::size_t quantiles::bytes() const noexcept {
  if (many_ == nullptr) return 0;
  return sizeof(many) + many_->runs.capacity() * sizeof(run) +
         many_->counts.capacity() * sizeof many_->counts[0];
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
