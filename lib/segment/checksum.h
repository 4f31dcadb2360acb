// SPDX-License-Identifier: Apache-2.0
//
// A block's checksum: what a block is known by where the zstd frame around it is gone or damaged.
#ifndef TCPINFO_SEGMENT_CHECKSUM_H
#define TCPINFO_SEGMENT_CHECKSUM_H

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include <tcpinfo/bytes.h>

#include "segment/varint.h"

namespace tcpinfo::inline v0::segment_format {

/// Four sums side by side, so that no step waits for the one before; joined at the end. Each step
/// can be undone when its word is known, so that one damaged word always changes the result.
class checksum {
 public:
  void add(bytes_view bytes) noexcept {
    const std::byte* at = bytes.data();
    std::size_t left = bytes.size();
    total_ += left;
    // Copies, which stay in registers: a member might be what `bytes` shows.
    std::uint64_t a = sums_[0];
    std::uint64_t b = sums_[1];
    std::uint64_t c = sums_[2];
    std::uint64_t d = sums_[3];
    for (; left >= 32; left -= 32, at += 32) {
      step(a, load_le<std::uint64_t>(at));
      step(b, load_le<std::uint64_t>(at + 8));
      step(c, load_le<std::uint64_t>(at + 16));
      step(d, load_le<std::uint64_t>(at + 24));
    }
    sums_[0] = a;
    sums_[1] = b;
    sums_[2] = c;
    sums_[3] = d;
    for (; left > 0; --left, ++at) step(sums_[0], std::to_integer<std::uint64_t>(*at) + 1);
  }
  [[nodiscard]] std::uint64_t result() const noexcept {
    std::uint64_t all = total_;
    for (const std::uint64_t sum : sums_) step(all, sum);
    all ^= all >> 29U;
    return all * multiplier;
  }

 private:
  static constexpr std::uint64_t multiplier = 0x9e3779b97f4a7c15;
  static void step(std::uint64_t& sum, std::uint64_t word) noexcept {
    sum = std::rotl(sum ^ word, 27) * multiplier;
  }
  std::uint64_t sums_[4] = {1, 2, 3, 4};
  std::uint64_t total_ = 0;
};

}  // namespace tcpinfo::inline v0::segment_format

#endif
