// SPDX-License-Identifier: Apache-2.0
//
// Standard padded base64 (RFC 4648 section 4), made for records: speed, and decoding that accepts
// exactly what encoding writes, so that a record written again is the same text.
#ifndef TCPINFO_ARCHIVE_BASE64_H
#define TCPINFO_ARCHIVE_BASE64_H

#include <cstddef>

namespace tcpinfo::inline v0 {
namespace base64 {

[[nodiscard]] constexpr std::size_t encoded_size(std::size_t bytes) noexcept {
  return (bytes + 2) / 3 * 4;
}

/// Writes encoded_size(n) characters to `to`; returns the end of what it wrote.
char* encode(const std::byte* from, std::size_t n, char* to) noexcept;

/// decode() may write this many bytes beyond the result.
inline constexpr std::size_t decode_slack = 8;

/// Decodes up to the first character that is neither of the alphabet nor padding, or to `end`.
/// `to` needs (end - from) / 4 * 3 + decode_slack bytes. `n` is set to the bytes decoded.
/// @return the first character not read; null where the text is not canonical: a length that is no
/// multiple of 4, or padding over bits that are not zero.
const char* decode(const char* from, const char* end, std::byte* to, std::size_t& n) noexcept;

}  // namespace base64
}  // namespace tcpinfo::inline v0

#endif
