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
#include "segment/column_reader.h"
#include "segment/varint.h"
#include "segment/word_cursor.h"

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
    single_ = singles_ = 0;
    tables_.archives().forget();
  }

 private:
  static constexpr std::uint32_t none = ~0U;
  /// Of a wanted column in one slot.
  struct source {
    std::size_t cursor = 0;  // of its first word
    bool has_high = false;   // the next cursor is of the word behind it
    unsigned shift = 0;      // bits
    std::uint64_t mask = 0;  // of the bits behind; 0: all of them
  };
  /// A wanted word of a slot, whose columns are being looked for.
  struct wanted_word {
    std::uint32_t slot;
    std::uint32_t word;
    bool is_cookie;
  };

  void find_sources();
  [[nodiscard]] std::uint32_t source_of(std::uint32_t slot, const segment_column& column);
  [[nodiscard]] bool find_columns();
  [[nodiscard]] std::span<const block_tables::run> next_runs(std::uint32_t records);
  [[nodiscard]] bool put_values(std::span<const block_tables::run> runs, std::size_t records);
  [[nodiscard]] bool put_values(const source& from, std::uint32_t count, std::uint64_t* to);
  void read_singles();
  [[nodiscard]] bool give_single(segment_columns& out);
  [[nodiscard]] bool fail() noexcept;
  [[nodiscard]] word_cursor& cursor_at(std::size_t number) noexcept;

  std::vector<segment_column> next_wanted_;  // from the next block on
  std::vector<segment_column> wanted_;
  block_tables tables_;
  std::vector<source> sources_;
  std::vector<std::uint32_t> source_numbers_;  // by shape, and in it by wanted column; none
  std::vector<wanted_word> wanted_words_;      // sorted by slot
  std::vector<word_cursor> cursors_;           // of each of them
  std::vector<std::uint32_t> words_;           // of the high halves of a run
  column_reader written_;

  std::error_code fault_;
  std::size_t archive_ = 0;  // the next one
  std::size_t run_ = 0;      // the next one, of which so many records were given
  std::uint32_t given_ = 0;
  moment_cursor moments_;
  std::vector<block_tables::run> runs_;  // of the archive
  block_tables::run one_run_;            // where it has no more
  std::vector<moment> archive_moments_;  // where they are not in the table as they come
  std::vector<std::uint64_t> values_;    // of the archive the first ones
  std::vector<std::uint8_t> present_;    // empty: all are

  // Archives of one message each, from the present one on, whose numbers were read together.
  std::size_t singles_ = 0;
  std::size_t single_ = 0;  // the next one of them
  std::span<const moment> single_moments_;
  std::vector<std::uint64_t> single_values_;  // archive by archive
  std::vector<std::uint8_t> single_present_;  // of each of them; empty: it has all
  std::vector<word_cursor> kept_cursors_;
  bool wants_cookie_ = false;  // a word that is held against the archive's own
};

}  // namespace tcpinfo::inline v0::segment_format

#endif
