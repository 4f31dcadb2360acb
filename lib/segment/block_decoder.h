// SPDX-License-Identifier: Apache-2.0
//
// Gives the records of one block after the other.
#ifndef TCPINFO_SEGMENT_BLOCK_DECODER_H
#define TCPINFO_SEGMENT_BLOCK_DECODER_H

#include <cstddef>
#include <cstdint>
#include <system_error>
#include <vector>

#include <tcpinfo/archive.h>
#include <tcpinfo/segment.h>

#include "segment/block_tables.h"
#include "segment/column_reader.h"
#include "segment/format.h"
#include "segment/varint.h"

namespace tcpinfo::inline v0::segment_format {

/// One thread at a time.
class block_decoder {
 public:
  /// Begins a block of records, which must outlive the reading, and whose checksum is right.
  /// @return errc::bad_block, unknown_feature, out_of_memory: there is nothing to read then.
  [[nodiscard]] std::error_code open(bytes_view block) noexcept;
  /// The next record; false at the end of the block and after a fault, which fault() tells.
  [[nodiscard]] bool next(segment_record& out);
  [[nodiscard]] std::error_code fault() const noexcept { return fault_; }
  /// Of the latest record.
  [[nodiscard]] const segment_archive& archive() const noexcept {
    return tables_.archives().chosen();
  }
  void close() noexcept {
    left_ = 0;
    tables_.archives().forget();
  }

 private:
  struct column {
    taker deltas;
  };
  struct slot {
    std::uint32_t words = 0;
    std::uint32_t rows = 0;
    std::uint32_t first = 0;    // of its columns
    std::uint32_t base = 0;     // of its words in bases_
    std::uint32_t mask_at = 0;  // in masks_
    std::uint32_t mask_words = 0;
    const std::uint64_t* mask = nullptr;  // of the next row
    std::uint32_t archive = 0;            // the one that `latest` belongs to, plus one
    std::byte* latest = nullptr;          // where its latest payload stands
  };
  struct shape {
    std::vector<std::byte> message;  // made when it is used first in a block
    std::vector<std::uint32_t> at;   // of each slot's payload in it
  };

  [[nodiscard]] bool read_columns();
  [[nodiscard]] bool read_column(slot& s, std::uint32_t word, taker& rows, taker& bits);
  [[nodiscard]] bool begin_archive(std::uint32_t head);
  void make_message(std::size_t number);
  void enter(std::size_t number);
  [[nodiscard]] bool apply(slot& s) noexcept;
  [[nodiscard]] bool read_message(std::uint32_t head, segment_record& out);
  void read_thinned(segment_record& out) noexcept;

  block_tables tables_;
  std::vector<slot> slots_;
  std::vector<shape> shapes_;  // no fewer than the block's; the others keep their memory
  std::vector<column> columns_;
  std::vector<std::uint64_t> masks_;  // of each row of each slot: which words change
  std::vector<std::uint32_t> bases_;
  column_reader written_;

  std::error_code fault_;
  std::uint32_t left_ = 0;  // records
  std::size_t run_ = 0;     // of heads, the present one
  std::uint32_t run_left_ = 0;
  std::uint32_t record_ = 0;   // number of the latest one, from 1
  std::uint32_t archive_ = 0;  // number of the present one, plus one
  std::uint32_t archive_left_ = 0;
  std::size_t shape_ = 0;  // that the slots' latest payloads stand in, plus one
  moment_cursor moments_;
  taker extras_;
  taker thinned_;
  std::uint64_t thinned_at_ = 0;  // number of the next record in it, from 1; 0: none
  taker line_sizes_;
  taker lines_;
};

}  // namespace tcpinfo::inline v0::segment_format

#endif
