// SPDX-License-Identifier: Apache-2.0
//
/// @file
/// Unsigned numbers as text, for those who write a hundred of them a record.
#ifndef TCPINFO_DECIMAL_H
#define TCPINFO_DECIMAL_H

#include <array>
#include <cstdint>
#include <cstring>

#include <tcpinfo/export.h>

namespace tcpinfo::inline v0 {

/// Longest text write_decimal writes.
inline constexpr std::size_t max_decimal_size = 20;

namespace decimal_detail {

inline constexpr auto pairs = [] {
  std::array<char, 200> text{};
  for (std::size_t i = 0; i < 100; ++i) {
    text[2 * i] = static_cast<char>('0' + i / 10);
    text[2 * i + 1] = static_cast<char>('0' + i % 10);
  }
  return text;
}();

inline char* two(char* to, std::uint32_t v) noexcept {
  std::memcpy(to, &pairs[std::size_t{2} * v], 2);
  return to + 2;
}
/// One digit or two.
inline char* head(char* to, std::uint32_t v) noexcept {
  if (v >= 10) return two(to, v);
  *to = static_cast<char>('0' + v);
  return to + 1;
}
inline char* four(char* to, std::uint32_t v) noexcept { return two(two(to, v / 100), v % 100); }
inline char* eight(char* to, std::uint32_t v) noexcept {
  return four(four(to, v / 10'000), v % 10'000);
}

/// From 10 on. Not inline in a hundred places: small numbers are the most frequent by far, and
/// only they are.
[[gnu::noinline]] inline char* several(char* to, std::uint32_t v) noexcept {
  if (v < 100) return two(to, v);
  if (v < 10'000) return two(head(to, v / 100), v % 100);
  if (v < 1'000'000) return four(head(to, v / 10'000), v % 10'000);
  if (v < 100'000'000) {
    to = head(to, v / 1'000'000);
    return four(two(to, v / 10'000 % 100), v % 10'000);
  }
  return eight(head(to, v / 100'000'000), v % 100'000'000);
}

}  // namespace decimal_detail

/// Writes `v` to `to`, which has room for max_decimal_size characters, most significant digit first
/// and without leading zeros. Not NUL-terminated. Any thread.
/// @return the end of what it wrote.
inline char* write_decimal(char* to, std::uint32_t v) noexcept {
  if (v >= 10) return decimal_detail::several(to, v);
  *to = static_cast<char>('0' + v);
  return to + 1;
}

/// The same for 64 bits.
inline char* write_decimal(char* to, std::uint64_t v) noexcept {
  namespace d = decimal_detail;
  if (v <= UINT32_MAX) return write_decimal(to, static_cast<std::uint32_t>(v));
  constexpr std::uint64_t eight_digits = 100'000'000;
  const auto low = static_cast<std::uint32_t>(v % eight_digits);
  // At most 12 digits are left of 20.
  return d::eight(write_decimal(to, v / eight_digits), low);
}

}  // namespace tcpinfo::inline v0

#endif
