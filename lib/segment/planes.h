// SPDX-License-Identifier: Apache-2.0
//
// Differences of a column byte by byte: the first bytes of all varints, then their second bytes,
// and so on. The low bytes of large differences are noise and the high ones are nearly alike:
// apart, the high ones cost little, between each other all cost a whole byte.
#ifndef TCPINFO_SEGMENT_PLANES_H
#define TCPINFO_SEGMENT_PLANES_H

#include <cstddef>
#include <cstdint>

#include <tcpinfo/bytes.h>

#include "segment/growing.h"

namespace tcpinfo::inline v0::segment_format {

/// Of a 32-bit number.
inline constexpr std::size_t max_varint_bytes = 5;

/// Whether planes are worth having for `count` varints, each of at most max_varint_bytes.
[[nodiscard]] bool wants_planes(bytes_view varints, std::size_t count) noexcept;

/// Appends `varints`, each of at most max_varint_bytes, to `out` as planes. May throw
/// std::bad_alloc.
void put_planes(bytes_view varints, byte_stream& out);

/// Makes the varints again, at `to`, where there is room for as many bytes. @return false where
/// these are not planes of `count` varints: nothing is written then.
[[nodiscard]] bool join_planes(bytes_view planes, std::uint64_t count, std::byte* to) noexcept;

}  // namespace tcpinfo::inline v0::segment_format

#endif
