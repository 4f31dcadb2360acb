// SPDX-License-Identifier: Apache-2.0
//
// Makes one block after the other. While records come, what changed in each is kept (a log of
// changes, linked archive by archive); at the end of the block the changes are laid out column by
// column.
#ifndef TCPINFO_SEGMENT_BLOCK_ENCODER_H
#define TCPINFO_SEGMENT_BLOCK_ENCODER_H

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <unordered_map>
#include <vector>

#include <tcpinfo/archive.h>
#include <tcpinfo/segment.h>

#include "segment/block_span.h"
#include "segment/columns.h"
#include "segment/format.h"
#include "segment/growing.h"
#include "segment/message_layout.h"
#include "segment/moment_table.h"
#include "segment/text_table.h"

namespace tcpinfo::inline v0::segment_format {

/// One thread at a time. Throws std::bad_alloc, having changed nothing that shows.
class block_encoder {
 public:
  // As segment_writer's.
  [[nodiscard]] std::error_code begin(const segment_archive& given, std::uint32_t& number);
  [[nodiscard]] std::error_code add(std::uint32_t number, const timestamp& time, const message& m,
                                    const record_extras& extras, encode_notes* notes);
  [[nodiscard]] std::error_code add_line(std::uint32_t number, std::string_view line);

  [[nodiscard]] std::uint32_t records() const noexcept { return records_; }
  [[nodiscard]] bool is_empty() const noexcept { return records_ == 0; }
  [[nodiscard]] std::size_t memory_bytes() const noexcept;

  /// Lays the block out: all of it but what its head says of the blocks before. What is in the
  /// block stays until clear(). @return it, until the next call.
  [[nodiscard]] byte_stream& encode(block_span& about);
  void clear() noexcept;

 private:
  struct archive {
    std::uint32_t flags = 0;
    std::uint32_t context = 0;
    std::uint64_t cookie = 0;
    std::uint32_t uuid = 0;  // number of a text; where there is no cookie
    std::uint64_t sequence = 0;
    std::int64_t start_ns = 0;
    std::int64_t opened_ns = 0;
    std::int64_t day = 0;    // of the path, since 1970
    std::uint32_t path = 0;  // number of a text
    std::uint32_t records = 0;
    std::optional<std::int64_t> first_ns;  // of its first record, where that is a message
    std::uint32_t first = 0;               // in the log; 0: none
    std::uint32_t last = 0;
    std::uint32_t layout = no_layout;  // of the message before
    std::vector<std::uint32_t>
        places;  // by slot: of its latest words in `state_`, plus one; 0: none
  };
  struct slot {
    std::uint16_t type = 0;
    std::uint32_t size = 0;  // bytes
    std::uint32_t words = 0;
    std::uint32_t rows = 0;   // while the block is laid out
    std::uint32_t first = 0;  // of its columns
    std::uint32_t base = 0;   // in `bases_`: the words of its first row in the archive before
  };
  static constexpr std::uint32_t no_layout = ~std::uint32_t{0};
  // In the log, beside the number of a part's words: they stand there as they are.
  static constexpr std::uint32_t first_of_slot = std::uint32_t{1} << 31U;
  // In the log, beside what the stream of heads has: how much was left out follows.
  static constexpr std::uint32_t log_thinned = std::uint32_t{1} << 31U;

  [[nodiscard]] std::error_code set_about(archive& a, const metadata& about);
  void set_path(archive& a, std::string_view path, std::string_view uuid);
  [[nodiscard]] std::error_code layout_of(archive& a, const message& m);
  [[nodiscard]] bool add_slots(message_layout& layout);
  [[nodiscard]] std::uint32_t shape_of(const message_layout& layout);
  void log_words(archive& a, const message& m, const message_layout& layout);
  void link(archive& a, std::uint32_t entry) noexcept;
  [[nodiscard]] bool has_room(std::size_t bytes) const noexcept;

  void put_archives();
  void put_slots();
  void put_records();
  void put_first(slot& s, const std::uint32_t* words, const archive& a);
  void put_columns();
  void assemble(block_span& about);

  text_table texts_;
  std::vector<std::array<std::uint32_t, context_texts>> contexts_;
  std::vector<archive>
      archives_;  // the first archive_count_ are in use; the others keep their memory
  std::size_t archive_count_ = 0;
  std::vector<slot> slots_;
  std::unordered_map<std::uint32_t, std::uint32_t> slot_numbers_;  // by type and size
  std::vector<std::vector<std::uint16_t>> shapes_;
  std::vector<message_layout> layouts_;
  message_layout other_;  // of a message whose layout is not kept
  moment_table moments_;
  growing<std::uint32_t> log_;
  growing<std::uint32_t> state_;
  byte_stream line_bytes_;
  growing<std::uint32_t> line_ends_;
  std::uint32_t records_ = 0;
  std::size_t bytes_ = 0;  // of the block, about, without texts
  std::size_t cells_ = 0;

  // While it is laid out.
  std::array<byte_stream, stream_count> streams_;
  column_set columns_;
  growing<std::uint32_t> bases_;
  growing<std::uint32_t> message_moments_;
  byte_stream block_;
};

}  // namespace tcpinfo::inline v0::segment_format

#endif
