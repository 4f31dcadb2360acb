// SPDX-License-Identifier: Apache-2.0
//
// The magic numbers with which zstd's frames begin (RFC 8878, section 3.1). The formats of zstd
// before 1.0 have others, and are none of these.
#ifndef TCPINFO_COMMON_ZSTD_MAGIC_H
#define TCPINFO_COMMON_ZSTD_MAGIC_H

#include <algorithm>
#include <cstddef>
#include <cstring>

#include <tcpinfo/bytes.h>

namespace tcpinfo::inline v0::zstd_magic {

inline constexpr std::size_t size = 4;
inline constexpr unsigned char frame[size] = {0x28, 0xb5, 0x2f, 0xfd};
// The first byte of a skippable frame has any low four bits.
inline constexpr unsigned char skippable[size] = {0x50, 0x2a, 0x4d, 0x18};

/// Whether the first `n` bytes, at most `size` and as many as there are, agree with a frame's.
/// False for none.
[[nodiscard]] inline bool agrees_with_frame(bytes_view bytes, std::size_t n) noexcept {
  return n > 0 && std::memcmp(bytes.data(), frame, n) == 0;
}
[[nodiscard]] inline bool agrees_with_skippable(bytes_view bytes, std::size_t n) noexcept {
  return n > 0 && (std::to_integer<unsigned>(bytes[0]) & 0xf0U) == skippable[0] &&
         std::memcmp(bytes.data() + 1, skippable + 1, n - 1) == 0;
}

/// Whether these bytes begin with the whole magic number of a frame.
[[nodiscard]] inline bool is_frame(bytes_view bytes) noexcept {
  return bytes.size() >= size && agrees_with_frame(bytes, size);
}
/// The same for a skippable frame: any of its 16 numbers.
[[nodiscard]] inline bool is_skippable(bytes_view bytes) noexcept {
  return bytes.size() >= size && agrees_with_skippable(bytes, size);
}
/// Whether these bytes are the beginning of either number, or begin with one. A single byte of a
/// skippable one is a letter like any other: false.
[[nodiscard]] inline bool may_begin(bytes_view bytes) noexcept {
  const std::size_t n = std::min(bytes.size(), size);
  return agrees_with_frame(bytes, n) || (n > 1 && agrees_with_skippable(bytes, n));
}

}  // namespace tcpinfo::inline v0::zstd_magic

#endif
