// SPDX-License-Identifier: Apache-2.0
#include "segment/word_cursor.h"

#include <algorithm>
#include <bit>

namespace tcpinfo::inline v0::segment_format {
namespace {

constexpr std::uint64_t no_row = ~std::uint64_t{0};

std::uint32_t difference(taker& deltas) noexcept {
  return unfold(static_cast<std::uint32_t>(deltas.medium_varint()));
}

// Up to 64 bits from bit `at` on, the lowest first; `count` says how many there are.
inline std::uint64_t bits_at(bytes_view bits, std::size_t at, unsigned& count) noexcept {
  const bytes_view from = bits.subspan(at / 8);
  std::uint64_t found = 0;
  if (from.size() >= sizeof found)
    found = load_le<std::uint64_t>(from.data());
  else
    for (std::size_t i = 0; i < from.size(); ++i)
      found |= std::to_integer<std::uint64_t>(from[i]) << (8 * i);
  const auto shift = static_cast<unsigned>(at % 8);
  count = 8 * static_cast<unsigned>(std::min(from.size(), sizeof found)) - shift;
  return found >> shift;
}

}  // namespace

word_cursor::word_cursor(const written_column& column) noexcept : column_(column) {
  if (column_.mode == column_mode::few) find_few();
}

void word_cursor::find_few() noexcept {
  if (column_.few == 0) {
    changes_ = no_row;
    return;
  }
  --column_.few;
  changes_ += column_.rows.short_varint();
}

template <class T>
void word_cursor::take_all(std::uint32_t count, T* to) noexcept {
  taker deltas = column_.deltas;  // copies stay in registers
  std::uint32_t value = value_;
  for (std::uint32_t i = 0; i < count; ++i) to[i] = value += difference(deltas);
  value_ = value;
  column_.deltas = deltas;
}

template <class T>
void word_cursor::take_few(std::uint32_t count, T* to) noexcept {
  const std::uint64_t end = std::uint64_t{row_} + count;
  std::uint64_t row = row_;
  while (changes_ < end) {
    to = fill(to, changes_ - row, T{value_});
    value_ += difference(column_.deltas);
    row = changes_++;
    find_few();
  }
  (void)fill(to, end - row, T{value_});
}

// What a word comes to after each of its changes stands in a small table, in which a row's place is
// the number of changes before it: so that which rows change decides nothing in the loop.
template <class T>
void word_cursor::take_some(std::uint32_t count, T* to) noexcept {
  taker deltas = column_.deltas;
  std::uint32_t value = value_;
  // Of an archive with few rows a table would cost more than it saves.
  constexpr std::uint32_t few_rows = 16;
  if (count <= few_rows && row_ / 8 + sizeof(std::uint64_t) <= column_.bits.size()) {
    auto changes = load_le<std::uint64_t>(column_.bits.data() + row_ / 8) >> row_ % 8;
    for (; count > 0; --count, changes >>= 1U) {
      if ((changes & 1U) != 0) value += difference(deltas);
      *to++ = value;
    }
    value_ = value;
    column_.deltas = deltas;
    return;
  }
  std::uint32_t values[65];
  for (std::size_t row = row_; count > 0;) {
    unsigned there = 0;
    std::uint64_t changes = bits_at(column_.bits, row, there);
    if (there > count) there = count;
    if (there < 64) changes &= (std::uint64_t{1} << there) - 1;
    std::size_t last = 0;
    values[0] = value;
    for (std::uint64_t left = changes; left != 0; left &= left - 1)
      values[++last] = value += difference(deltas);
    if (last == 0) {
      to = fill(to, there, T{value});
    } else {
      std::size_t at = 0;
      for (unsigned i = 0; i < there; ++i, changes >>= 1U) {
        at += changes & 1U;
        *to++ = values[at];
      }
    }
    row += there;
    count -= there;
  }
  value_ = value;
  column_.deltas = deltas;
}

template void word_cursor::take_all(std::uint32_t, std::uint32_t*) noexcept;
template void word_cursor::take_all(std::uint32_t, std::uint64_t*) noexcept;
template void word_cursor::take_few(std::uint32_t, std::uint32_t*) noexcept;
template void word_cursor::take_few(std::uint32_t, std::uint64_t*) noexcept;
template void word_cursor::take_some(std::uint32_t, std::uint32_t*) noexcept;
template void word_cursor::take_some(std::uint32_t, std::uint64_t*) noexcept;

}  // namespace tcpinfo::inline v0::segment_format
