// SPDX-License-Identifier: Apache-2.0
//
// Reading that goes on until a buffer is full.
#ifndef TCPINFO_COLLECT_OS_READ_FULL_H
#define TCPINFO_COLLECT_OS_READ_FULL_H

#include <cstddef>
#include <span>
#include <system_error>

namespace tcpinfo::collect {

/// Calls read_some(rest of `out`, count) until `out` is full, it counts 0 (the end), or it fails.
/// `n` is what is in `out` then.
template <class ReadSome>
[[nodiscard]] std::error_code read_full(ReadSome&& read_some, std::span<std::byte> out,
                                        std::size_t& n) {
  n = 0;
  while (n < out.size()) {
    std::size_t got = 0;
    if (const std::error_code ec = read_some(out.subspan(n), got)) return ec;
    if (got == 0) break;
    n += got;
  }
  return {};
}

/// read(2), begun again where a signal interrupts it.
[[nodiscard]] std::error_code read_some(int fd, std::span<std::byte> out, std::size_t& n) noexcept;
/// The same until `out` is full or the file ends.
[[nodiscard]] std::error_code read_full(int fd, std::span<std::byte> out, std::size_t& n) noexcept;

}  // namespace tcpinfo::collect

#endif
