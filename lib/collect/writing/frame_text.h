// SPDX-License-Identifier: Apache-2.0
//
// The JSON lines of one frame: the metadata record where the frame begins a file, and the oldest
// snapshots that wait, as many as make a frame that compresses well.
#ifndef TCPINFO_COLLECT_WRITING_FRAME_TEXT_H
#define TCPINFO_COLLECT_WRITING_FRAME_TEXT_H

#include <tcpinfo/archive.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "collect/writing/flow_log.h"
#include "collect/writing/identity.h"
#include "collect/writing/waiting_snapshots.h"

namespace tcpinfo::collect {

/// Bytes of snapshots that make a full frame: about 290 records and 320 KiB of text. That is large
/// enough to compress within a few percent of a whole file in one frame, and to make little of what
/// opening and closing a file costs.
inline constexpr std::size_t full_frame_bytes = std::size_t{160} << 10;

/// One thread's. Keeps its memory from one frame to the next. Throws std::bad_alloc.
class frame_text {
 public:
  /// Which snapshots a frame took, and what became of them.
  struct portion {
    waiting_snapshots::portion from_waiting;
    std::uint32_t refused = 0;  ///< that could not be encoded
    encode_notes notes;
  };

  /// Outlives it.
  explicit frame_text(const identity& who) : who_(who) {}

  /// Encodes anew.
  [[nodiscard]] portion encode(const flow_log& flow, std::string_view uuid);
  /// Encodes the metadata record and the latest snapshots that wait, `most` of them.
  void encode_latest(const flow_log& flow, std::string_view uuid, std::size_t most);
  /// Of the last encode() or encode_latest().
  [[nodiscard]] std::span<const std::byte> bytes() const noexcept {
    return std::as_bytes(std::span(text_.data(), size_));
  }

 private:
  void put_metadata(const flow_log& flow, std::string_view uuid);
  [[nodiscard]] std::error_code put(const snapshot_header& header, bytes_view bytes,
                                    encode_notes& notes);

  const identity& who_;
  record_encoder lines_;
  std::vector<char> text_;
  std::size_t size_ = 0;
};

}  // namespace tcpinfo::collect

#endif
