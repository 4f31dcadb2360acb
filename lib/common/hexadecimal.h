// SPDX-License-Identifier: Apache-2.0
//
// Numbers in hexadecimal digits, as cookies stand in UUIDs, for those who write millions of them.
#ifndef TCPINFO_COMMON_HEXADECIMAL_H
#define TCPINFO_COMMON_HEXADECIMAL_H

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace tcpinfo::inline v0 {

/// Of a cookie, all of them.
inline constexpr std::size_t cookie_digits = 16;

/// Writes the 8 digits of a number, in capitals. @return behind them.
inline char* write_hexadecimal(char* to, std::uint32_t number) noexcept {
  // A digit a byte, the last one lowest; all of them by the same few steps.
  std::uint64_t n = number;
  n = (n << 16U | n) & 0x0000'ffff'0000'ffffU;
  n = (n << 8U | n) & 0x00ff'00ff'00ff'00ffU;
  n = (n << 4U | n) & 0x0f0f'0f0f'0f0f'0f0fU;
  const std::uint64_t letters = (n + 0x0606'0606'0606'0606U) >> 4U & 0x0101'0101'0101'0101U;
  n += 0x3030'3030'3030'3030U + letters * ('A' - '0' - 10);
  if constexpr (std::endian::native == std::endian::little) n = __builtin_bswap64(n);
  std::memcpy(to, &n, sizeof n);
  return to + sizeof n;
}

/// Writes all 16 digits. @return behind them.
inline char* write_hexadecimal(char* to, std::uint64_t number) noexcept {
  to = write_hexadecimal(to, static_cast<std::uint32_t>(number >> 32U));
  return write_hexadecimal(to, static_cast<std::uint32_t>(number));
}

}  // namespace tcpinfo::inline v0

#endif
