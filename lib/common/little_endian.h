// SPDX-License-Identifier: Apache-2.0
//
// Numbers as segments and zstd frames have them.
#ifndef TCPINFO_COMMON_LITTLE_ENDIAN_H
#define TCPINFO_COMMON_LITTLE_ENDIAN_H

#include <bit>
#include <cstddef>
#include <cstring>

namespace tcpinfo::inline v0 {

/// An unsigned number of any alignment.
template <class T>
[[nodiscard]] inline T load_le(const std::byte* from) noexcept {
  T n;
  std::memcpy(&n, from, sizeof n);
  if constexpr (std::endian::native == std::endian::big) {
    T swapped = 0;
    for (std::size_t i = 0; i < sizeof n; ++i, n = static_cast<T>(n >> 8U))
      swapped = static_cast<T>(static_cast<T>(swapped << 8U) | (n & 0xffU));
    n = swapped;
  }
  return n;
}

}  // namespace tcpinfo::inline v0

#endif
