// SPDX-License-Identifier: Apache-2.0
//
// Unsigned numbers as text, for those who write a hundred of them a record.
#ifndef TCPINFO_COMMON_DECIMAL_H
#define TCPINFO_COMMON_DECIMAL_H

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace tcpinfo::inline v0 {

/// Longest text write_decimal writes.
inline constexpr std::size_t max_decimal_size = 20;

namespace decimal_detail {

/// Three digits and how many of them count: the leading zeros of `short_groups` do not.
struct group {
  char digits[3];
  char size;
};
inline constexpr auto groups = [] {
  std::array<group, 1000> all{};
  for (std::size_t i = 0; i < all.size(); ++i)
    all[i] = {{static_cast<char>('0' + i / 100), static_cast<char>('0' + i / 10 % 10),
               static_cast<char>('0' + i % 10)},
              3};
  return all;
}();
inline constexpr auto short_groups = [] {
  std::array<group, 1000> all = groups;
  for (std::size_t i = 0; i < 100; ++i) {
    group& g = all[i];
    g.size = i < 10 ? 1 : 2;
    for (int at = 0; at < g.size; ++at) g.digits[at] = g.digits[3 - g.size + at];
  }
  return all;
}();

/// Two digits, and not a byte more.
inline char* two(char* to, std::uint32_t v) noexcept {
  std::memcpy(to, groups[v].digits + 1, 2);
  return to + 2;
}
/// One digit to three, in one store of four bytes and without a branch on how many: three more
/// digits follow, which are written over what is too much.
inline char* first_group(char* to, std::uint32_t v) noexcept {
  const group& g = short_groups[v];
  std::memcpy(to, &g, sizeof g);
  return to + g.size;
}
/// Three digits. Others follow.
inline char* next_group(char* to, std::uint32_t v) noexcept {
  std::memcpy(to, &groups[v], sizeof(group));
  return to + 3;
}
/// Three digits, and not a byte more.
inline char* last_group(char* to, std::uint32_t v) noexcept {
  std::memcpy(to, groups[v].digits, 3);
  return to + 3;
}
inline char* last_two_groups(char* to, std::uint32_t v) noexcept {
  return last_group(next_group(to, v / 1000), v % 1000);
}
inline char* last_three_groups(char* to, std::uint32_t v) noexcept {
  return last_two_groups(next_group(to, v / 1'000'000), v % 1'000'000);
}

/// From 10 on. Not inline in a hundred places: small numbers are the most frequent by far, and
/// only they are.
[[gnu::noinline]] inline char* several(char* to, std::uint32_t v) noexcept {
  if (v < 100) return two(to, v);
  if (v < 1000) return last_group(to, v);
  if (v < 1'000'000) return last_group(first_group(to, v / 1000), v % 1000);
  const std::uint32_t millions = v / 1'000'000;
  const std::uint32_t rest = v % 1'000'000;
  if (millions < 1000) return last_two_groups(first_group(to, millions), rest);
  return last_two_groups(next_group(first_group(to, millions / 1000), millions % 1000), rest);
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
  constexpr std::uint64_t nine_digits = 1'000'000'000;
  const auto low = static_cast<std::uint32_t>(v % nine_digits);
  // At most 11 digits are left of 20.
  return d::last_three_groups(write_decimal(to, v / nine_digits), low);
}

}  // namespace tcpinfo::inline v0

#endif
