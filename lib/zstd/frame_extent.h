// SPDX-License-Identifier: Apache-2.0
#ifndef TCPINFO_ZSTD_FRAME_EXTENT_H
#define TCPINFO_ZSTD_FRAME_EXTENT_H

#include <cstdint>

#include <tcpinfo/bytes.h>

#include "zstd/frame_head.h"

namespace tcpinfo::inline v0 {

/// Finds where a frame ends, block header by block header, as its bytes come in. Nothing is
/// decoded.
class frame_extent {
 public:
  /// Goes on with `frame`, all of the frame that is there, from its first byte. It stops where it
  /// has passed `limit` bytes.
  [[nodiscard]] parsed step(bytes_view frame, std::uint64_t limit) noexcept;

  [[nodiscard]] const frame_head& head() const noexcept { return head_; }
  /// Offset in the frame of the block whose header was not seen yet, or is bad.
  [[nodiscard]] std::uint64_t at() const noexcept { return at_; }
  /// What the blocks so far can hold at most.
  [[nodiscard]] std::uint64_t max_content() const noexcept;
  /// Once the last block's header was seen: the frame's length. 0 before.
  [[nodiscard]] std::uint64_t end() const noexcept { return end_; }

 private:
  frame_head head_;
  std::uint64_t at_ = 0;
  std::uint64_t end_ = 0;
  std::uint64_t blocks_ = 0;
};

}  // namespace tcpinfo::inline v0

#endif
