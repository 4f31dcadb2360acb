// SPDX-License-Identifier: Apache-2.0
#include "zstd/frame_head.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace tcpinfo::inline v0 {
namespace {

constexpr std::array<std::uint8_t, magic_size> frame_magic{0x28, 0xb5, 0x2f, 0xfd};
// The first byte has any low four bits.
constexpr std::array<std::uint8_t, magic_size> skippable_magic{0x50, 0x2a, 0x4d, 0x18};

unsigned byte_at(bytes_view bytes, std::size_t i) noexcept {
  return std::to_integer<unsigned>(bytes[i]);
}

std::uint64_t little_endian(bytes_view bytes, std::size_t at, std::size_t size) noexcept {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < size; ++i) value |= std::uint64_t{byte_at(bytes, at + i)} << (8 * i);
  return value;
}

bool begins_frame_magic(bytes_view bytes, std::size_t n) noexcept {
  return n > 0 && std::memcmp(bytes.data(), frame_magic.data(), n) == 0;
}

bool begins_skippable_magic(bytes_view bytes, std::size_t n) noexcept {
  return n > 0 && (byte_at(bytes, 0) & 0xf0U) == skippable_magic[0] &&
         std::memcmp(bytes.data() + 1, skippable_magic.data() + 1, n - 1) == 0;
}

}  // namespace

bool is_frame_magic(bytes_view bytes) noexcept {
  return bytes.size() >= magic_size && begins_frame_magic(bytes, magic_size);
}

bool is_skippable_magic(bytes_view bytes) noexcept {
  return bytes.size() >= magic_size && begins_skippable_magic(bytes, magic_size);
}

bool starts_frame(bytes_view bytes) noexcept {
  const std::size_t n = std::min(bytes.size(), magic_size);
  return begins_frame_magic(bytes, n) || (n > 1 && begins_skippable_magic(bytes, n));
}

std::uint64_t skippable_content_size(bytes_view bytes) noexcept {
  return little_endian(bytes, magic_size, 4);
}

parsed parse_frame_head(bytes_view bytes, frame_head& out) noexcept {
  if (bytes.size() < magic_size + 1) return parsed::more;
  const unsigned descriptor = byte_at(bytes, magic_size);
  constexpr unsigned reserved_bit = 8;
  if ((descriptor & reserved_bit) != 0) return parsed::bad;
  const bool single_segment = (descriptor & 0x20U) != 0;
  static constexpr std::array<std::size_t, 4> id_sizes{0, 1, 2, 4};
  const std::size_t id_size = id_sizes[descriptor & 3U];
  const unsigned size_code = descriptor >> 6U;
  const std::size_t content_size =
      size_code == 0 ? (single_segment ? 1 : 0) : std::size_t{1} << size_code;
  const std::size_t window_at = magic_size + 1;
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
  if (!is_frame_magic(bytes)) return false;
  frame_head head;
  block_head block;
  return parse_frame_head(bytes, head) == parsed::whole &&
         parse_block_head(bytes.subspan(head.size), head, block) == parsed::whole;
}

std::uint64_t frame_walk::max_content() const noexcept {
  return blocks_ * std::min<std::uint64_t>(head_.window, max_block_size);
}

parsed frame_walk::step(bytes_view frame, std::uint64_t limit) noexcept {
  if (at_ == 0) {
    const parsed result = parse_frame_head(frame, head_);
    if (result != parsed::whole) return result;
    at_ = head_.size;
  }
  while (end_ == 0 && at_ <= limit) {
    if (at_ > frame.size()) return parsed::more;
    block_head block;
    const parsed result =
        parse_block_head(frame.subspan(static_cast<std::size_t>(at_)), head_, block);
    if (result != parsed::whole) return result;
    ++blocks_;
    if (block.last)
      end_ = at_ + block.size + (head_.has_checksum ? checksum_size : 0);
    else
      at_ += block.size;
  }
  return end_ != 0 && end_ <= frame.size() ? parsed::whole : parsed::more;
}

}  // namespace tcpinfo::inline v0
