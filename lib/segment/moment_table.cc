// SPDX-License-Identifier: Apache-2.0
#include "segment/moment_table.h"

#include <algorithm>
#include <numeric>

namespace tcpinfo::inline v0::segment_format {
namespace {

std::size_t hash_of(const moment& m) noexcept {
  const std::uint64_t mixed = (static_cast<std::uint64_t>(m.time_ns) * 0x9e3779b97f4a7c15U) ^
                              (m.poll * 0xff51afd7ed558ccdU);
  return static_cast<std::size_t>(mixed ^ (mixed >> 32U));
}

std::uint64_t difference(std::int64_t a, std::int64_t b) noexcept {
  return static_cast<std::uint64_t>(a) - static_cast<std::uint64_t>(b);
}

bool is_before(const moment& a, const moment& b) noexcept {
  return a.time_ns != b.time_ns ? a.time_ns < b.time_ns : a.poll < b.poll;
}

}  // namespace

void moment_table::rehash() {
  const std::size_t size = std::max<std::size_t>(64, 4 * moments_.size());
  std::size_t capacity = 64;
  while (capacity < size) capacity *= 2;
  table_.clear();
  std::fill_n(table_.room(capacity), capacity, 0U);
  table_.shrink(capacity);
  for (std::uint32_t n = 0; n < moments_.size(); ++n) {
    std::size_t at = hash_of(moments_[n]) & (capacity - 1);
    while (table_[at] != 0) at = (at + 1) & (capacity - 1);
    table_[at] = n + 1;
  }
}

std::uint32_t moment_table::number_of(const moment& m) {
  if (!moments_.empty() && moments_[latest_] == m) return latest_;
  if (table_.size() < 2 * (moments_.size() + 1)) rehash();
  const std::size_t mask = table_.size() - 1;
  std::size_t at = hash_of(m) & mask;
  for (; table_[at] != 0; at = (at + 1) & mask)
    if (moments_[table_[at] - 1] == m) return latest_ = table_[at] - 1;
  moments_.add(m);
  latest_ = static_cast<std::uint32_t>(moments_.size()) - 1;
  table_[at] = latest_ + 1;
  return latest_;
}

void moment_table::clear() noexcept {
  moments_.clear();
  table_.clear();
  latest_ = 0;
}

// The largest unit that all times are multiples of, counted from `base`. 1 where they lie so far
// apart that 64 bits do not hold their differences with a sign.
std::uint64_t moment_table::unit_of(const growing<std::uint32_t>& numbers,
                                    std::int64_t base) const noexcept {
  std::uint64_t unit = 0;
  std::int64_t lowest = base;
  std::int64_t highest = base;
  for (const std::uint32_t n : numbers) {
    const std::int64_t time_ns = moments_[n].time_ns;
    lowest = std::min(lowest, time_ns);
    highest = std::max(highest, time_ns);
    unit = std::gcd(unit, time_ns < base ? difference(base, time_ns) : difference(time_ns, base));
    if (unit == 1) return 1;
  }
  const bool far = static_cast<std::int64_t>(difference(highest, lowest)) < 0;
  return far || unit == 0 ? 1 : unit;
}

// Times are written in the largest unit that all of them are multiples of, counted from the first.
// Where most messages have a moment of their own, each has its moment written in its place, and no
// number; else the table is sorted and the messages have numbers in it.
void moment_table::put(const growing<std::uint32_t>& numbers, byte_stream& table,
                       byte_stream& chosen) {
  block_.restart(moments_.size());
  for (const std::uint32_t n : numbers) (void)block_.number_of(n);
  const auto used = block_.used();
  const bool own = used.size() * 4 > numbers.size() * 3;
  order_.clear();
  order_.add(own ? numbers.all() : used);
  if (order_.empty()) return;
  if (!own) {
    std::sort(order_.begin(), order_.end(), [&](std::uint32_t a, std::uint32_t b) {
      return is_before(moments_[a], moments_[b]);
    });
    block_.reorder(order_.all());
  }
  const std::int64_t base = moments_[order_[0]].time_ns;
  const std::uint64_t unit = unit_of(order_, base);
  table.varint(own ? 1 : 0);
  table.varint(order_.size());
  table.varint(unit);
  table.folded(static_cast<std::uint64_t>(base));
  std::int64_t before = base;
  for (const std::uint32_t n : order_) {
    const auto d = static_cast<std::int64_t>(difference(moments_[n].time_ns, before));
    table.folded(static_cast<std::uint64_t>(d / static_cast<std::int64_t>(unit)));
    before = moments_[n].time_ns;
  }
  std::uint64_t poll = 0;
  for (const std::uint32_t n : order_) {
    table.folded(moments_[n].poll + 1 - poll);  // "none" is 0
    poll = moments_[n].poll + 1;
  }
  if (own) return;
  std::uint32_t expected = 0;
  for (const std::uint32_t n : numbers) {
    const std::uint32_t rank = block_.number_of(n);
    chosen.varint(fold(rank - expected));
    expected = rank + 1;
  }
}

}  // namespace tcpinfo::inline v0::segment_format
