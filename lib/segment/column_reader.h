// SPDX-License-Identifier: Apache-2.0
//
// What the streams of a block say of its columns, one after the other.
#ifndef TCPINFO_SEGMENT_COLUMN_READER_H
#define TCPINFO_SEGMENT_COLUMN_READER_H

#include <cstdint>

#include <tcpinfo/bytes.h>

#include "segment/block_tables.h"
#include "segment/format.h"
#include "segment/growing.h"
#include "segment/varint.h"

namespace tcpinfo::inline v0::segment_format {

/// One column, as far as the streams of columns and deltas tell.
struct written_differences {
  column_mode mode = column_mode::none;
  bool planes = false;
  std::uint64_t changes = 0;  ///< how many rows change, where `mode` is all or few, or in planes
  bytes_view bytes;           ///< as they are written
};

/// One thread at a time.
class column_reader {
 public:
  /// The columns of a block, from its first one on. May throw std::bad_alloc.
  void open(const block_tables& tables);
  /// The next one, which has so many rows. False where the block does not say so much, or what
  /// cannot be.
  [[nodiscard]] bool next(std::uint32_t rows, written_differences& out) noexcept;
  /// Makes varints of differences that stand in planes; others are varints. They are valid until
  /// open(). False where they are none.
  [[nodiscard]] bool join(written_differences& one) noexcept;

 private:
  taker columns_;
  taker deltas_;
  std::uint64_t highest_mode_ = 0;
  byte_stream joined_;  // has room for all differences of the block, so that none of them moves
};

}  // namespace tcpinfo::inline v0::segment_format

#endif
