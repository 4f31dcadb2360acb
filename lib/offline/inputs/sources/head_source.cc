// SPDX-License-Identifier: Apache-2.0
#include "offline/inputs/sources/head_source.h"

#include <algorithm>
#include <cstring>

namespace tcpinfo::offline {

void head_source::open(byte_source& from) {
  from_ = &from;
  if (!buffer_) buffer_ = std::make_unique_for_overwrite<std::byte[]>(capacity);
  begin_ = end_ = 0;
  ended_ = false;
}

bytes_view head_source::head(std::size_t size) {
  const std::size_t wanted = std::min(size, capacity);
  while (end_ < wanted && !ended_) {
    const std::size_t n = from_->read({buffer_.get() + end_, capacity - end_});
    end_ += n;
    ended_ = n == 0;
  }
  return {buffer_.get(), end_};
}

std::size_t head_source::read(std::span<std::byte> out) {
  if (begin_ == end_) return ended_ ? 0 : from_->read(out);
  const std::size_t n = std::min(out.size(), end_ - begin_);
  std::memcpy(out.data(), buffer_.get() + begin_, n);
  begin_ += n;
  return n;
}

}  // namespace tcpinfo::offline
