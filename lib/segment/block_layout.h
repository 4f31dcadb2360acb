// SPDX-License-Identifier: Apache-2.0
//
// Makes blocks of a window of records: part after part, each block with columns of its own.
#ifndef TCPINFO_SEGMENT_BLOCK_LAYOUT_H
#define TCPINFO_SEGMENT_BLOCK_LAYOUT_H

#include <cstddef>
#include <cstdint>
#include <vector>

#include "segment/block_span.h"
#include "segment/block_streams.h"
#include "segment/columns.h"
#include "segment/format.h"
#include "segment/growing.h"
#include "segment/record_window.h"
#include "segment/renumbering.h"

namespace tcpinfo::inline v0::segment_format {

/// One thread at a time. Throws std::bad_alloc; begin() again then.
class block_layout {
 public:
  /// The window must outlive the blocks and not change.
  void begin(record_window& window);
  /// The next block: all of it but what its head says of the blocks before. @return it, until the
  /// next call; null: there are no more.
  [[nodiscard]] byte_stream* next(block_span& about);
  [[nodiscard]] std::size_t memory_bytes() const noexcept;

 private:
  struct slot {
    std::uint32_t words = 0;
    std::uint32_t rows = 0;
    std::uint32_t first = 0;  // of its columns
    std::uint32_t base = 0;   // in `bases_`: the words of its first row in the archive before
  };
  [[nodiscard]] byte_stream& of(stream which) noexcept {
    return segment_format::of(streams_, which);
  }
  void use_shape(std::uint32_t number);
  const std::byte* put_first(slot& s, const std::byte* words, bool is_head,
                             const archive_entry& about);
  void put_records(const record_window::part& p, block_span& about);
  void put_slots();
  /// @return the features of the block.
  [[nodiscard]] std::uint16_t put_columns();

  record_window* window_ = nullptr;
  std::vector<record_window::part*> parts_;
  std::size_t at_ = 0;

  // Of the block.
  std::vector<const archive_entry*> entries_;
  renumbering slot_numbers_;
  renumbering shape_numbers_;
  std::vector<slot> slots_;
  std::vector<std::vector<std::uint16_t>> shapes_;  // slots by their numbers in the block
  std::uint32_t record_ = 0;
  std::uint32_t last_thinned_ = 0;
  made_streams streams_;
  column_set columns_;
  growing<std::uint32_t> bases_;
  growing<std::uint32_t> message_moments_;
  byte_stream block_;
};

}  // namespace tcpinfo::inline v0::segment_format

#endif
