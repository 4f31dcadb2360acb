// SPDX-License-Identifier: Apache-2.0
//
// Numbers in hexadecimal digits, as cookies stand in UUIDs, for those who write millions of them.
#ifndef TCPINFO_COMMON_HEXADECIMAL_H
#define TCPINFO_COMMON_HEXADECIMAL_H

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace tcpinfo::inline v0 {

namespace hexadecimal_detail {

/// The digits of each byte, one pair behind the other.
[[nodiscard]] constexpr std::array<char, 512> make_pairs() noexcept {
  constexpr std::string_view digits = "0123456789ABCDEF";
  std::array<char, 512> pairs{};
  for (std::size_t byte = 0; byte < 256; ++byte) {
    pairs[2 * byte] = digits[byte / 16];
    pairs[2 * byte + 1] = digits[byte % 16];
  }
  return pairs;
}
inline constexpr std::array<char, 512> pairs = make_pairs();

}  // namespace hexadecimal_detail

/// Of a cookie, all of them.
inline constexpr std::size_t cookie_digits = 16;

/// Writes all 16 digits, in capitals. @return behind them.
inline char* write_hexadecimal(char* to, std::uint64_t number) noexcept {
  for (unsigned shift = 64; shift > 0; to += 2) {
    shift -= 8;
    std::memcpy(to, hexadecimal_detail::pairs.data() + 2 * (number >> shift & 0xffU), 2);
  }
  return to;
}

}  // namespace tcpinfo::inline v0

#endif
