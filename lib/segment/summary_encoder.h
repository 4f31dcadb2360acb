// SPDX-License-Identifier: Apache-2.0
//
// Makes blocks of summaries. Each field is a column, with a value for each summary that has the
// field, held against the value before.
#ifndef TCPINFO_SEGMENT_SUMMARY_ENCODER_H
#define TCPINFO_SEGMENT_SUMMARY_ENCODER_H

#include <cstddef>
#include <cstdint>
#include <system_error>
#include <vector>

#include <tcpinfo/segment.h>

#include "segment/archive_directory.h"
#include "segment/block_span.h"
#include "segment/block_streams.h"
#include "segment/growing.h"
#include "segment/text_table.h"

namespace tcpinfo::inline v0::segment_format {

/// One thread at a time. Throws std::bad_alloc, having changed nothing that shows.
class summary_encoder {
 public:
  /// As segment_writer::add_summary().
  [[nodiscard]] std::error_code add(const segment_archive& archive, const segment_summary& given);
  [[nodiscard]] std::uint32_t summaries() const noexcept {
    return static_cast<std::uint32_t>(archives_.size());
  }
  [[nodiscard]] std::size_t memory_bytes() const noexcept;

  /// Lays the block out, but for its head. What is in it stays until clear(). @return it, until the
  /// next call.
  [[nodiscard]] byte_stream& encode(block_span& about);
  void clear() noexcept;

 private:
  struct column {
    std::uint32_t field = 0;
    std::uint32_t count = 0;     // of values; a column may have none yet
    std::uint64_t latest = 0;    // value
    byte_stream values;          // folded
    growing<std::byte> present;  // a bit for each summary, up to the last one that has the field
  };

  [[nodiscard]] bool has_room(const segment_summary& summary) const noexcept;
  [[nodiscard]] bool make_room(const segment_summary& summary);
  void put_values(const segment_summary& summary) noexcept;
  void put_fields();
  void put_congestion_controls();
  [[nodiscard]] block_span about_block() const noexcept;

  archive_directory directory_;
  std::vector<archive_entry> archives_;  // one for each summary
  std::vector<column> columns_;          // by ascending field
  text_table names_;                     // of congestion controls
  growing<std::uint32_t> controls_;      // of each summary: number of its name plus one, 0 for none
  byte_stream rtts_;
  std::size_t values_ = 0;
  std::size_t value_bytes_ = 0;
  std::size_t buckets_ = 0;
  std::uint64_t records_ = 0;  // that the summaries tell of

  // While it is laid out.
  made_streams streams_;
  byte_stream block_;
};

}  // namespace tcpinfo::inline v0::segment_format

#endif
