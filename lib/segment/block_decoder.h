// SPDX-License-Identifier: Apache-2.0
//
// Gives the records of one block after the other. All that a block says is checked before it is
// used: what is wrong with a block that has the right checksum was written so.
#ifndef TCPINFO_SEGMENT_BLOCK_DECODER_H
#define TCPINFO_SEGMENT_BLOCK_DECODER_H

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <tcpinfo/archive.h>
#include <tcpinfo/segment.h>

#include "segment/format.h"
#include "segment/kept_time.h"
#include "segment/moment_table.h"
#include "segment/varint.h"

namespace tcpinfo::inline v0::segment_format {

/// What a block's head says.
struct block_head {
  std::uint8_t version = 0;
  std::uint8_t kind = 0;
  std::uint16_t features = 0;
  std::uint32_t size = 0;
  std::uint64_t checksum = 0;
  std::uint64_t records_before = 0;
  std::uint32_t records = 0;
  std::uint32_t number = 0;
};
/// `block` begins with the magic and has at least head_size bytes.
[[nodiscard]] block_head read_head(bytes_view block) noexcept;
/// The checksum that the head of `block` should have.
[[nodiscard]] std::uint64_t checksum_of(bytes_view block) noexcept;

/// One thread at a time.
class block_decoder {
 public:
  /// Begins a block, which must outlive the reading, and whose checksum is right.
  /// @return errc::bad_block, unknown_feature, out_of_memory: there is nothing to read then.
  [[nodiscard]] std::error_code open(bytes_view block) noexcept;
  /// The next record; false at the end of the block and after a fault, which fault() tells.
  [[nodiscard]] bool next(segment_record& out);
  [[nodiscard]] std::error_code fault() const noexcept { return fault_; }
  /// Of the latest record.
  [[nodiscard]] const segment_archive& archive() const noexcept { return about_; }
  void close() noexcept {
    left_ = 0;
    about_ = {};
  }

 private:
  struct column {
    taker deltas;
    bool every_row = false;
  };
  struct slot {
    std::uint16_t type = 0;
    std::uint32_t size = 0;  // bytes
    std::uint32_t words = 0;
    std::uint32_t rows = 0;
    std::uint32_t row = 0;      // the next one
    std::uint32_t first = 0;    // of its columns
    std::uint32_t base = 0;     // of its words in bases_
    std::uint32_t mask_at = 0;  // in masks_
    std::uint32_t mask_words = 0;
    std::uint32_t archive = 0;    // the one that `latest` belongs to, plus one
    std::byte* latest = nullptr;  // where its latest payload stands
  };
  struct shape {
    std::vector<std::uint16_t> slots;
    std::uint32_t rows = 0;
    std::size_t message_size = 0;
    std::vector<std::byte> message;  // made when it is used first in a block
    std::vector<std::uint32_t> at;   // of each slot's payload in it
  };
  struct archive_entry {
    std::uint32_t flags = 0;
    std::uint32_t records = 0;
    std::uint32_t context = 0;
    std::uint32_t uuid = 0;
    std::uint32_t path = 0;
    std::uint64_t cookie = 0;
    std::uint64_t sequence = 0;
    std::int64_t start_ns = 0;
    std::int64_t opened_ns = 0;
    std::int64_t day = 0;
  };
  using context = std::array<std::uint32_t, context_texts>;

  [[nodiscard]] bool read_directory(bytes_view block);
  [[nodiscard]] bool read_texts();
  [[nodiscard]] bool read_archives(std::uint32_t records);
  [[nodiscard]] bool read_slots();
  [[nodiscard]] bool read_shapes();
  [[nodiscard]] bool read_heads(std::uint32_t records);
  [[nodiscard]] bool check_thinned() const noexcept;
  [[nodiscard]] bool read_moments();
  [[nodiscard]] bool read_columns();
  [[nodiscard]] bool read_column(slot& s, std::uint32_t word, taker& columns, taker& rows,
                                 taker& bits, taker& deltas);
  [[nodiscard]] std::string_view text(std::uint32_t number) const noexcept;
  [[nodiscard]] bool begin_archive(std::uint32_t head);
  void make_message(shape& s) const;
  void enter(shape& s);
  [[nodiscard]] bool apply(slot& s) noexcept;
  [[nodiscard]] bool read_message(std::uint32_t head, segment_record& out);
  void read_thinned(segment_record& out) noexcept;

  std::array<bytes_view, stream_count> streams_;
  std::vector<std::byte> text_bytes_;
  std::vector<std::string_view> texts_;  // in text_bytes_
  std::vector<context> contexts_;
  std::vector<archive_entry> archives_;
  std::vector<slot> slots_;
  std::vector<shape> shapes_;  // the first shape_count_ are in use; the others keep their memory
  std::size_t shape_count_ = 0;
  std::vector<std::uint32_t> heads_;
  std::vector<moment> moments_;
  std::vector<column> columns_;
  std::vector<std::uint64_t> masks_;  // of each row of each slot: which words change
  std::vector<std::uint32_t> bases_;

  std::error_code fault_;
  std::uint32_t left_ = 0;     // records
  std::size_t at_ = 0;         // in heads_
  std::uint32_t archive_ = 0;  // number of the present one, plus one
  std::uint32_t archive_left_ = 0;
  shape* shape_ = nullptr;  // that the slots' latest payloads stand in
  bool own_moments_ = false;
  std::uint32_t moment_ = 0;  // expected
  taker moment_numbers_;
  taker extras_;
  taker thinned_;
  std::uint64_t thinned_at_ = 0;  // number of the next record in it, from 1; 0: none
  taker line_sizes_;
  taker lines_;

  std::string uuid_;
  std::string path_;
  metadata metadata_;
  segment_archive about_;
};

}  // namespace tcpinfo::inline v0::segment_format

#endif
