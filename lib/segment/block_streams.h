// SPDX-License-Identifier: Apache-2.0
//
// The streams of a block: behind its head a list of them, then their bytes.
#ifndef TCPINFO_SEGMENT_BLOCK_STREAMS_H
#define TCPINFO_SEGMENT_BLOCK_STREAMS_H

#include <array>
#include <span>

#include <tcpinfo/bytes.h>

#include "segment/format.h"
#include "segment/growing.h"

namespace tcpinfo::inline v0::segment_format {

/// What is written, by the numbers of the streams.
using made_streams = std::array<byte_stream, stream_count>;
/// The same of a block that is read: those that are not there are empty.
using read_streams = std::array<bytes_view, stream_count>;

template <class Streams>
[[nodiscard]] auto& of(Streams& streams, stream which) noexcept {
  return streams[static_cast<std::size_t>(which)];
}

/// Puts a block together, with a head of zeros. May throw std::bad_alloc.
void put_streams(const made_streams& streams, byte_stream& block);

/// Finds the known streams of a block. @return false where it has more or less than it says.
[[nodiscard]] bool find_streams(bytes_view block, read_streams& streams) noexcept;

}  // namespace tcpinfo::inline v0::segment_format

#endif
