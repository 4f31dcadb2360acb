// SPDX-License-Identifier: Apache-2.0
//
// Gives the summaries of one block after the other. All that a block says is checked before it is
// used.
#ifndef TCPINFO_SEGMENT_SUMMARY_DECODER_H
#define TCPINFO_SEGMENT_SUMMARY_DECODER_H

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <system_error>
#include <vector>

#include <tcpinfo/segment.h>

#include "segment/archive_tables.h"
#include "segment/block_streams.h"
#include "segment/varint.h"

namespace tcpinfo::inline v0::segment_format {

/// One thread at a time.
class summary_decoder {
 public:
  /// Begins a block, whose checksum is right; its memory is not needed afterwards.
  /// @return errc::bad_block, unknown_feature, out_of_memory: there is nothing to read then.
  [[nodiscard]] std::error_code open(bytes_view block) noexcept;
  /// The next summary; false at the end of the block. May throw std::bad_alloc. Views are valid
  /// until the next open().
  [[nodiscard]] bool next(segment_summary& out);
  /// Of the latest summary.
  [[nodiscard]] const segment_archive& archive() const noexcept { return archives_.chosen(); }
  void close() noexcept {
    at_ = summaries_.size();
    archives_.forget();
  }

 private:
  struct summary {
    std::uint32_t archive = 0;
    std::uint32_t values = 0;   // how many; then where in values_ the next one goes
    std::uint32_t rtts = 0;     // where in rtts_ they end
    std::uint32_t control = 0;  // number in controls_ plus one, 0 for none
  };
  struct column {
    std::uint32_t field = 0;
    bool all = false;
    taker values;
    bytes_view present;  // where not all have it
  };

  [[nodiscard]] bool read(bytes_view block, std::uint32_t summaries);
  [[nodiscard]] bool read_fields(const read_streams& streams);
  [[nodiscard]] bool read_values(std::size_t bytes);
  [[nodiscard]] bool read_rtts(bytes_view stream);
  [[nodiscard]] bool read_controls(bytes_view stream);

  archive_tables archives_;
  std::vector<summary> summaries_;
  std::vector<column> columns_;  // while the block is opened
  std::vector<summary_value> values_;
  std::vector<summary_bucket> rtts_;
  std::vector<std::byte> control_bytes_;
  std::vector<std::string_view> controls_;  // in control_bytes_
  std::size_t at_ = 0;                      // in summaries_
};

}  // namespace tcpinfo::inline v0::segment_format

#endif
