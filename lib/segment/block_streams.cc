// SPDX-License-Identifier: Apache-2.0
#include "segment/block_streams.h"

#include <algorithm>

#include "segment/varint.h"

namespace tcpinfo::inline v0::segment_format {

void put_streams(const made_streams& streams, byte_stream& block) {
  block.clear();
  std::byte* const head = block.room(head_size);
  std::fill_n(head, head_size, std::byte{0});
  block.end_at(head + head_size);
  std::size_t count = 0;
  for (const byte_stream& s : streams) count += s.empty() ? 0 : 1;
  block.varint(count);
  for (std::size_t i = 0; i < streams.size(); ++i)
    if (!streams[i].empty()) {
      block.varint(i);
      block.varint(streams[i].size());
    }
  for (const byte_stream& s : streams) block.add(s.all());
}

bool find_streams(bytes_view block, read_streams& streams) noexcept {
  streams = {};
  taker list(block.subspan(head_size));
  const std::uint64_t count = list.varint(max_streams);
  taker bytes = list;
  for (std::uint64_t i = 0; i < 2 * count; ++i) (void)bytes.varint();
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::uint64_t kind = list.varint();
    const bytes_view content = bytes.bytes(list.varint());
    if (kind < streams.size()) streams[kind] = content;
  }
  return bytes.ok() && bytes.left() == 0;
}

}  // namespace tcpinfo::inline v0::segment_format
