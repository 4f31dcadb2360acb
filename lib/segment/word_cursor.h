// SPDX-License-Identifier: Apache-2.0
//
// The values of one column of a block (a 32-bit word of a slot), row after row: only as many at a
// time as are asked for, so that they stay in the processor's cache.
#ifndef TCPINFO_SEGMENT_WORD_CURSOR_H
#define TCPINFO_SEGMENT_WORD_CURSOR_H

#include <cstddef>
#include <cstdint>

#include <tcpinfo/bytes.h>

#include "segment/format.h"
#include "segment/varint.h"

namespace tcpinfo::inline v0::segment_format {

/// By eights, which the compiler makes larger stores of.
template <class T>
T* fill(T* to, std::uint64_t count, T value) noexcept {
  for (; count >= 8; count -= 8, to += 8)
    to[0] = to[1] = to[2] = to[3] = to[4] = to[5] = to[6] = to[7] = value;
  for (; count > 0; --count) *to++ = value;
  return to;
}

/// How a column is written: views of its block's streams. Who makes one has looked at `rows` and
/// `bits`: they are there, and of rows that the column has.
struct written_column {
  column_mode mode = column_mode::none;
  taker deltas;
  taker rows;             // of column_mode::few
  std::uint32_t few = 0;  // how many rows these are
  bytes_view bits;        // of column_mode::some
};

/// One thread at a time.
class word_cursor {
 public:
  explicit word_cursor(const written_column& column) noexcept;
  /// Whether the latest rows were of that archive.
  [[nodiscard]] bool is_in(std::size_t archive) const noexcept { return archive_ == archive; }
  /// The next row is the first one of that archive, and held against the first one before.
  void begin(std::size_t archive) noexcept {
    archive_ = archive;
    begins_ = true;
  }
  /// The same, held against `base`.
  void begin(std::size_t archive, std::uint32_t base) noexcept {
    begin(archive);
    base_ = base;
  }
  /// The latest rows, taken as those of one archive, were the first ones of an archive each, which
  /// have no more.
  void end_singles() noexcept { base_ = value_; }
  /// Where the next `count` rows have all the same value, passes over them and tells it.
  [[nodiscard]] bool next_same(std::uint32_t count, std::uint32_t& value) noexcept {
    const bool same = column_.mode == column_mode::none ||
                      (column_.mode == column_mode::few && changes_ >= std::uint64_t{row_} + count);
    if (!same) return false;
    if (begins_ && count > 0) {
      value_ = base_;
      begins_ = false;
    }
    row_ += count;
    value = value_;
    return true;
  }
  /// The values of the next `count` rows: T is a 32- or 64-bit number.
  /// @return false where a difference is not there.
  template <class T>
  [[nodiscard]] bool next(std::uint32_t count, T* to) noexcept {
    std::uint32_t same = 0;
    if (next_same(count, same)) {
      (void)fill(to, count, T{same});
      return column_.deltas.ok();
    }
    const bool begins = begins_ && count > 0;
    if (begins) value_ = base_;
    if (column_.mode == column_mode::some)
      take_some(count, to);
    else if (column_.mode == column_mode::all)
      take_all(count, to);
    else
      take_few(count, to);
    row_ += count;
    if (begins) {
      base_ = static_cast<std::uint32_t>(*to);
      begins_ = false;
    }
    return column_.deltas.ok();
  }

 private:
  template <class T>
  void take_all(std::uint32_t count, T* to) noexcept;
  template <class T>
  void take_few(std::uint32_t count, T* to) noexcept;
  template <class T>
  void take_some(std::uint32_t count, T* to) noexcept;
  void find_few() noexcept;

  written_column column_;
  std::uint32_t value_ = 0;
  std::uint32_t base_ = 0;     // first value of the archive
  std::uint32_t row_ = 0;      // the next one
  std::uint64_t changes_ = 0;  // of column_mode::few: the next row that does
  std::size_t archive_ = ~std::size_t{0};
  bool begins_ = false;
};

extern template void word_cursor::take_all(std::uint32_t, std::uint32_t*) noexcept;
extern template void word_cursor::take_all(std::uint32_t, std::uint64_t*) noexcept;
extern template void word_cursor::take_few(std::uint32_t, std::uint32_t*) noexcept;
extern template void word_cursor::take_few(std::uint32_t, std::uint64_t*) noexcept;
extern template void word_cursor::take_some(std::uint32_t, std::uint32_t*) noexcept;
extern template void word_cursor::take_some(std::uint32_t, std::uint64_t*) noexcept;

}  // namespace tcpinfo::inline v0::segment_format

#endif
