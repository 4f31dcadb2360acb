// SPDX-License-Identifier: Apache-2.0
#include "zstd/frame_head.h"

#include <algorithm>
#include <array>

#include "common/zstd_magic.h"

namespace tcpinfo::inline v0 {
namespace {

unsigned byte_at(bytes_view bytes, std::size_t i) noexcept {
  return std::to_integer<unsigned>(bytes[i]);
}

std::uint64_t little_endian(bytes_view bytes, std::size_t at, std::size_t size) noexcept {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < size; ++i) value |= std::uint64_t{byte_at(bytes, at + i)} << (8 * i);
  return value;
}

}  // namespace

std::uint64_t skippable_content_size(bytes_view bytes) noexcept {
  return little_endian(bytes, zstd_magic::size, 4);
}

parsed parse_frame_head(bytes_view bytes, frame_head& out) noexcept {
  if (bytes.size() < zstd_magic::size + 1) return parsed::more;
  const unsigned descriptor = byte_at(bytes, zstd_magic::size);
  constexpr unsigned reserved_bit = 8;
  if ((descriptor & reserved_bit) != 0) return parsed::bad;
  const bool single_segment = (descriptor & 0x20U) != 0;
  static constexpr std::array<std::size_t, 4> id_sizes{0, 1, 2, 4};
  const std::size_t id_size = id_sizes[descriptor & 3U];
  const unsigned size_code = descriptor >> 6U;
  const std::size_t content_size =
      size_code == 0 ? (single_segment ? 1 : 0) : std::size_t{1} << size_code;
  const std::size_t window_at = zstd_magic::size + 1;
  const std::size_t content_at = window_at + (single_segment ? 0 : 1) + id_size;
  frame_head head;
  head.size = content_at + content_size;
  if (bytes.size() < head.size) return parsed::more;
  // As many bytes as the number takes; 0 is none, whatever its size.
  head.dictionary = static_cast<std::uint32_t>(little_endian(bytes, content_at - id_size, id_size));
  head.has_checksum = (descriptor & 4U) != 0;
  head.has_content = content_size != 0;
  if (head.has_content) {
    constexpr std::uint64_t two_byte_base = 256;  // sizes below have the one-byte form
    head.content =
        little_endian(bytes, content_at, content_size) + (content_size == 2 ? two_byte_base : 0);
  }
  if (single_segment) {
    head.window = head.content;
  } else {
    const unsigned window = byte_at(bytes, window_at);
    const std::uint64_t base = std::uint64_t{1} << (10 + (window >> 3U));
    head.window = base + base / 8 * (window & 7U);
  }
  out = head;
  return parsed::whole;
}

parsed parse_block_head(bytes_view bytes, const frame_head& frame, block_head& out) noexcept {
  if (bytes.size() < block_head_size) return parsed::more;
  const std::uint64_t bits = little_endian(bytes, 0, block_head_size);
  enum : std::uint64_t { raw, repeated, compressed, reserved };
  const std::uint64_t type = (bits >> 1U) & 3U;
  const std::uint64_t size = bits >> 3U;
  if (type == reserved || size > std::min<std::uint64_t>(frame.window, max_block_size))
    return parsed::bad;
  out.last = (bits & 1U) != 0;
  // Of a byte that is repeated, the size says how often.
  out.size = block_head_size + (type == repeated ? 1 : static_cast<std::size_t>(size));
  return parsed::whole;
}

bool is_plausible_frame(bytes_view bytes) noexcept {
  if (!zstd_magic::is_frame(bytes)) return false;
  frame_head head;
  block_head block;
  return parse_frame_head(bytes, head) == parsed::whole &&
         parse_block_head(bytes.subspan(head.size), head, block) == parsed::whole;
}

}  // namespace tcpinfo::inline v0
