// SPDX-License-Identifier: Apache-2.0
//
// Where a zstd frame ends, read from its header and the headers of its blocks alone (RFC 8878,
// section 3.1.1): nothing is decoded, and the same answer comes from any part of the frame. zstd's
// own functions for this are not in its stable interface, or want the whole frame at once.
#ifndef TCPINFO_ZSTD_FRAME_HEAD_H
#define TCPINFO_ZSTD_FRAME_HEAD_H

#include <cstddef>
#include <cstdint>

#include <tcpinfo/bytes.h>

namespace tcpinfo::inline v0 {

inline constexpr std::size_t skippable_head_size = 8;
inline constexpr std::size_t block_head_size = 3;
inline constexpr std::size_t checksum_size = 4;
inline constexpr std::size_t max_block_size = std::size_t{128} << 10;
// A frame's header at its longest, and the header of its first block.
inline constexpr std::size_t max_head_size = 18 + block_head_size;

/// The length that a skippable frame, of which 8 bytes are here, says its content has.
[[nodiscard]] std::uint64_t skippable_content_size(bytes_view bytes) noexcept;

struct frame_head {
  std::size_t size = 0;      // of the header
  std::uint64_t window = 0;  // bytes that decoding has to keep
  std::uint64_t content = 0;
  std::uint32_t dictionary = 0;  // the number of the one that it was written with; 0: none
  bool has_content = false;      // `content` is there
  bool has_checksum = false;
};

enum class parsed : std::uint8_t { whole, more, bad };

/// Reads a frame's header. `more`: it goes on behind `bytes`.
[[nodiscard]] parsed parse_frame_head(bytes_view bytes, frame_head& out) noexcept;

/// Whether a frame may begin here: a header without reserved bits and a first block of a known type
/// and size. Fewer bytes than these hold nothing that could be read.
[[nodiscard]] bool is_plausible_frame(bytes_view bytes) noexcept;

/// The header of one block.
struct block_head {
  std::size_t size = 0;  // with its header, in the input
  bool last = false;
};
/// @return `bad` for a reserved type, and for more than a block of that frame may have.
[[nodiscard]] parsed parse_block_head(bytes_view bytes, const frame_head& frame,
                                      block_head& out) noexcept;

}  // namespace tcpinfo::inline v0

#endif
