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

inline constexpr std::size_t magic_size = 4;
inline constexpr std::size_t skippable_head_size = 8;
inline constexpr std::size_t block_head_size = 3;
inline constexpr std::size_t checksum_size = 4;
inline constexpr std::size_t max_block_size = std::size_t{128} << 10;
// A frame's header at its longest, and the header of its first block.
inline constexpr std::size_t max_head_size = 18 + block_head_size;

/// Whether these bytes, four or more, begin with the magic number of a frame.
[[nodiscard]] bool is_frame_magic(bytes_view bytes) noexcept;
/// The same for a skippable frame: any of its 16 numbers.
[[nodiscard]] bool is_skippable_magic(bytes_view bytes) noexcept;
/// Whether the input, of which this is the beginning or all, is zstd. Fewer than 4 bytes are where
/// they begin a magic number; one byte of a skippable one is a letter like any other.
[[nodiscard]] bool starts_frame(bytes_view bytes) noexcept;
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

/// Goes from block header to block header of one frame as its bytes come in.
class frame_walk {
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
