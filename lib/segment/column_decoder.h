// SPDX-License-Identifier: Apache-2.0
//
// Gives some columns of one block after the other: what is not wanted is passed over, and no
// message is made.
#ifndef TCPINFO_SEGMENT_COLUMN_DECODER_H
#define TCPINFO_SEGMENT_COLUMN_DECODER_H

#include <cstddef>
#include <cstdint>
#include <span>
#include <system_error>
#include <vector>

#include <tcpinfo/segment.h>

#include "segment/block_tables.h"
#include "segment/varint.h"

namespace tcpinfo::inline v0::segment_format {

/// One thread at a time.
class column_decoder {
 public:
  /// For the blocks from the next one on. May throw std::bad_alloc.
  /// @return false for columns that are none.
  [[nodiscard]] bool want(std::span<const segment_column> columns);
  /// As block_decoder::open().
  [[nodiscard]] std::error_code open(bytes_view block) noexcept;
  /// The next archive's; false at the end of the block and after a fault. May throw std::bad_alloc.
  [[nodiscard]] bool next(segment_columns& out);
  [[nodiscard]] std::error_code fault() const noexcept { return fault_; }
  /// Of the latest columns.
  [[nodiscard]] const segment_archive& archive() const noexcept {
    return tables_.archives().chosen();
  }
  void close() noexcept {
    archive_ = tables_.archives().entries().size();
    tables_.archives().forget();
  }

 private:
  static constexpr std::uint32_t none = ~0U;
  /// The first row of an archive in a slot.
  struct beginning {
    std::uint32_t row = 0;
    std::uint32_t archive = 0;
  };
  struct slot {
    std::vector<beginning> beginnings;
    std::uint32_t next = 0;        // row
    std::uint32_t first_word = 0;  // of those in wanted_words_
    std::uint32_t wanted_words = 0;
  };
  /// Rows of a wanted column in one slot.
  struct source {
    std::uint32_t slot = 0;
    std::size_t low = 0;   // in words_, of its first row
    std::size_t high = 0;  // the same, of the word behind it; as `low` where there is none
    unsigned shift = 0;    // bits
  };

  [[nodiscard]] bool find_sources();
  [[nodiscard]] std::uint32_t source_of(std::uint32_t slot, const segment_column& column);
  void find_beginnings();
  [[nodiscard]] bool read_words();
  [[nodiscard]] bool read_word(std::uint32_t slot, std::uint32_t word, bool is_wanted,
                               taker& columns, taker& rows, taker& bits, taker& deltas);
  void add_up(std::uint32_t slot, std::uint32_t word, std::uint32_t* values) const noexcept;
  void find_runs(std::uint32_t records);
  void put_values(std::size_t records);
  [[nodiscard]] std::size_t place_of(std::uint32_t number, std::uint32_t word) const noexcept;

  std::vector<segment_column> next_wanted_;  // from the next block on
  std::vector<segment_column> wanted_;
  block_tables tables_;
  std::vector<slot> slots_;
  std::vector<source> sources_;
  std::vector<std::uint32_t> source_numbers_;  // by shape, and in it by wanted column; none
  struct wanted_word {
    std::uint32_t word;
    std::size_t at;  // in words_
  };
  std::vector<wanted_word> wanted_words_;
  std::vector<std::uint32_t> words_;
  byte_stream joined_;  // differences of one column that stood in planes

  std::error_code fault_;
  std::size_t archive_ = 0;  // the next one
  std::size_t run_ = 0;      // the next one, of which so many records were given
  std::uint32_t given_ = 0;
  moment_cursor moments_;
  std::vector<block_tables::run> runs_;  // of the archive
  std::vector<segment_moment> archive_moments_;
  std::vector<std::uint64_t> values_;
  std::vector<std::uint8_t> present_;
};

}  // namespace tcpinfo::inline v0::segment_format

#endif
