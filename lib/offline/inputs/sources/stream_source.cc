// SPDX-License-Identifier: Apache-2.0
#include "offline/inputs/sources/stream_source.h"

#include <algorithm>
#include <cstring>

#include "offline/inputs/stream_fault.h"

namespace tcpinfo::offline {

void stream_source::open(stream_reader& from, bytes_view begun, const byte_source& below,
                         std::int32_t max_window_log) {
  from_ = &from;
  begun_ = begun;
  below_ = &below;
  max_window_log_ = max_window_log;
  error_.clear();
}

std::size_t stream_source::read(std::span<std::byte> out) {
  if (!begun_.empty()) {
    const std::size_t n = std::min(begun_.size(), out.size());
    std::memcpy(out.data(), begun_.data(), n);
    begun_ = begun_.subspan(n);
    return n;
  }
  if (error_) return 0;
  std::size_t n = 0;
  error_ = from_->read(out, n);
  return error_ ? 0 : n;
}

std::string stream_source::fault() const {
  // A cut below is why the stream is cut.
  if (std::string below = below_->fault(); !below.empty()) return below;
  if (!error_) return {};
  return describe_fault(error_, from_->window_needed(), from_->dictionary_needed(),
                        max_window_log_);
}

}  // namespace tcpinfo::offline
