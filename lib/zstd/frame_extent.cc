// SPDX-License-Identifier: Apache-2.0
#include "zstd/frame_extent.h"

#include <algorithm>

namespace tcpinfo::inline v0 {

std::uint64_t frame_extent::max_content() const noexcept {
  return blocks_ * std::min<std::uint64_t>(head_.window, max_block_size);
}

parsed frame_extent::step(bytes_view frame, std::uint64_t limit) noexcept {
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
