// SPDX-License-Identifier: Apache-2.0
#include "segment/columns.h"

#include <algorithm>

#include "segment/format.h"
#include "segment/planes.h"

namespace tcpinfo::inline v0::segment_format {
namespace {

// A bit for each row costs less than the distances do where one row in so many changes.
constexpr std::size_t few_share = 8;

column_mode mode_of(std::size_t changes, std::size_t rows) noexcept {
  if (changes == 0) return column_mode::none;
  if (changes == rows) return column_mode::all;
  return changes * few_share < rows ? column_mode::few : column_mode::some;
}

}  // namespace

std::uint32_t column_set::add(std::uint32_t count) {
  const auto first = static_cast<std::uint32_t>(used_);
  if (columns_.size() < used_ + count) columns_.resize(used_ + count);
  for (std::uint32_t i = 0; i < count; ++i) {
    columns_[first + i].rows.clear();
    columns_[first + i].deltas.clear();
  }
  used_ += count;
  return first;
}

bool column_set::put(std::uint32_t first, std::uint32_t count, std::uint32_t rows,
                     byte_stream& columns, byte_stream& few, byte_stream& bits,
                     byte_stream& deltas) const {
  bool any_planes = false;
  for (std::uint32_t i = first; i < first + count; ++i) {
    const column_of_words& c = columns_[i];
    const column_mode mode = mode_of(c.rows.size(), rows);
    const bool planes = wants_planes(c.deltas.all(), c.rows.size());
    any_planes |= planes;
    columns.varint(static_cast<std::uint64_t>(mode) + (planes ? in_planes : 0));
    if (mode == column_mode::none) continue;
    columns.varint(c.deltas.size());
    if (planes)
      put_planes(c.deltas.all(), deltas);
    else
      deltas.add(c.deltas.all());
    if (mode == column_mode::few || (planes && mode == column_mode::some))
      columns.varint(c.rows.size());
    if (mode == column_mode::few) {
      std::uint32_t expected = 0;
      for (const std::uint32_t row : c.rows) {
        few.varint(row - expected);
        expected = row + 1;
      }
    } else if (mode == column_mode::some) {
      const std::size_t size = (std::size_t{rows} + 7) / 8;
      std::byte* const to = bits.room(size);
      std::fill_n(to, size, std::byte{0});
      for (const std::uint32_t row : c.rows) to[row / 8] |= static_cast<std::byte>(1U << (row % 8));
      bits.end_at(to + size);
    }
  }
  return any_planes;
}

std::size_t column_set::memory_bytes() const noexcept {
  std::size_t bytes = columns_.capacity() * sizeof(column_of_words);
  for (const column_of_words& c : columns_)
    bytes += c.rows.capacity_bytes() + c.deltas.capacity_bytes();
  return bytes;
}

}  // namespace tcpinfo::inline v0::segment_format
