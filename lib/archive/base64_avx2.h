// SPDX-License-Identifier: Apache-2.0
//
// Base64 32 characters at a time, on machines that have AVX2 (asked at run time).
#ifndef TCPINFO_ARCHIVE_BASE64_AVX2_H
#define TCPINFO_ARCHIVE_BASE64_AVX2_H

#include <cstddef>

namespace tcpinfo::inline v0 {
namespace base64 {

/// Decodes whole groups of four characters, up to one that has a character outside the alphabet or
/// to the last 31 characters before `end`; `from` and `to` are moved behind what was done. Writes
/// at most 32 bytes beyond the start of a step, which decode()'s slack allows for. Does nothing on
/// other machines.
/// @return whether the next four characters are known not to be a whole group.
bool decode_blocks(const char*& from, const char* end, std::byte*& to) noexcept;

/// Encodes 12 bytes at a time while 16 or more are left; `from`, `n` and `to` are moved on. Does
/// nothing on other machines.
void encode_blocks(const std::byte*& from, std::size_t& n, char*& to) noexcept;

}  // namespace base64
}  // namespace tcpinfo::inline v0

#endif
