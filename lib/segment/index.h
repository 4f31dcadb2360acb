// SPDX-License-Identifier: Apache-2.0
//
// The index at the end of a segment: a skippable zstd frame that says of each block where it is and
// what may be in it.
#ifndef TCPINFO_SEGMENT_INDEX_H
#define TCPINFO_SEGMENT_INDEX_H

#include <cstddef>
#include <cstdint>
#include <vector>

#include <tcpinfo/bytes.h>

#include "segment/block_span.h"
#include "segment/growing.h"

namespace tcpinfo::inline v0::segment_format {

/// Bytes at the end of a segment that tell whether there is an index, and how long it is.
inline constexpr std::size_t index_trailer_size = 20;

/// Writes the frame. May throw std::bad_alloc.
void put_index(const std::vector<block_span>& blocks, byte_stream& out);

/// How long the frame is that ends with this trailer; 0 where it ends none.
[[nodiscard]] std::uint32_t index_size(bytes_view trailer) noexcept;
/// Reads the whole frame. May throw std::bad_alloc. @return false where it is none.
[[nodiscard]] bool read_index(bytes_view frame, std::vector<block_span>& out);

}  // namespace tcpinfo::inline v0::segment_format

#endif
