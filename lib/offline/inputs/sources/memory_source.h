// SPDX-License-Identifier: Apache-2.0
//
// Bytes in memory as a source.
#ifndef TCPINFO_OFFLINE_INPUTS_SOURCES_MEMORY_SOURCE_H
#define TCPINFO_OFFLINE_INPUTS_SOURCES_MEMORY_SOURCE_H

#include <algorithm>
#include <cstring>
#include <string>

#include "offline/inputs/sources/byte_source.h"

namespace tcpinfo::offline {

/// Hands over two stretches of memory, one after the other. Nothing is ever wrong with it.
class memory_source final : public byte_source {
 public:
  memory_source(bytes_view first, bytes_view second) : first_(first), second_(second) {}

  [[nodiscard]] std::size_t read(std::span<std::byte> out) override {
    if (first_.empty()) std::swap(first_, second_);
    const std::size_t size = std::min(out.size(), first_.size());
    if (size > 0) std::memcpy(out.data(), first_.data(), size);
    first_ = first_.subspan(size);
    return size;
  }
  [[nodiscard]] std::string fault() const override { return {}; }

 private:
  bytes_view first_;
  bytes_view second_;
};

}  // namespace tcpinfo::offline

#endif
