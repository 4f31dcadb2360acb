// SPDX-License-Identifier: Apache-2.0
//
// The columns of a block: each 32-bit word of each slot is one, with a row for each record that has
// the slot. Kept are the rows in which it changed, and by how much.
#ifndef TCPINFO_SEGMENT_COLUMNS_H
#define TCPINFO_SEGMENT_COLUMNS_H

#include <cstddef>
#include <cstdint>
#include <vector>

#include "segment/growing.h"

namespace tcpinfo::inline v0::segment_format {

class column_set {
 public:
  void clear() noexcept { used_ = 0; }
  /// Adds columns. @return the number of the first. May throw std::bad_alloc.
  [[nodiscard]] std::uint32_t add(std::uint32_t count);
  /// The word changed in that row, which is behind those before: by a folded difference that is not
  /// 0. May throw std::bad_alloc.
  void change(std::uint32_t column, std::uint32_t row, std::uint32_t folded) {
    column_of_words& c = columns_[column];
    c.rows.add(row);
    c.deltas.varint(folded);
  }
  /// The same; the difference stands at `folded` as a varint. @return behind it.
  const std::byte* change(std::uint32_t column, std::uint32_t row, const std::byte* folded) {
    column_of_words& c = columns_[column];
    c.rows.add(row);
    std::byte* to = c.deltas.room(10);
    while ((*folded & std::byte{0x80}) != std::byte{0}) *to++ = *folded++;
    *to++ = *folded++;
    c.deltas.end_at(to);
    return folded;
  }
  /// Writes `count` columns from `first` on, each of so many rows. @return whether some are in
  /// planes.
  [[nodiscard]] bool put(std::uint32_t first, std::uint32_t count, std::uint32_t rows,
                         byte_stream& columns, byte_stream& few, byte_stream& bits,
                         byte_stream& deltas) const;
  [[nodiscard]] std::size_t memory_bytes() const noexcept;

 private:
  struct column_of_words {
    growing<std::uint32_t> rows;
    byte_stream deltas;
  };
  std::vector<column_of_words> columns_;  // the first `used_` are in use
  std::size_t used_ = 0;
};

}  // namespace tcpinfo::inline v0::segment_format

#endif
