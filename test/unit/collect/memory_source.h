// SPDX-License-Identifier: Apache-2.0
//
// An input of bytes in memory, in pieces of a size of one's choice.
#ifndef TCPINFO_TEST_UNIT_MEMORY_SOURCE_H
#define TCPINFO_TEST_UNIT_MEMORY_SOURCE_H

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <limits>
#include <string>
#include <string_view>

#include "offline/inputs/sources/byte_source.h"

class memory_source final : public tcpinfo::offline::byte_source {
 public:
  explicit memory_source(tcpinfo::bytes_view bytes,
                         std::size_t piece = std::numeric_limits<std::size_t>::max())
      : bytes_(bytes), piece_(piece) {}
  explicit memory_source(std::string_view text,
                         std::size_t piece = std::numeric_limits<std::size_t>::max())
      : memory_source(std::as_bytes(std::span(text)), piece) {}

  std::size_t read(std::span<std::byte> out) override {
    const std::size_t n = std::min({out.size(), bytes_.size(), piece_});
    if (n != 0) std::memcpy(out.data(), bytes_.data(), n);
    bytes_ = bytes_.subspan(n);
    return n;
  }
  std::string fault() const override { return why; }

  std::string why;  ///< what it says is wrong with it

 private:
  tcpinfo::bytes_view bytes_;
  std::size_t piece_;
};

#endif
