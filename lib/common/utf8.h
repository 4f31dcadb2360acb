// SPDX-License-Identifier: Apache-2.0
//
// UTF-8 as Unicode's table 3-7 has it: no overlong forms, no surrogates, nothing above U+10FFFF.
#ifndef TCPINFO_COMMON_UTF8_H
#define TCPINFO_COMMON_UTF8_H

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace tcpinfo::inline v0 {

/// Length of the character at the start of `text` (not empty), 0 where there is none.
[[nodiscard]] constexpr std::size_t utf8_sequence(std::string_view text) noexcept {
  const auto at = [text](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
  const std::uint8_t first = at(0);
  if (first < 0x80) return 1;
  std::size_t size = 0;
  std::uint8_t low = 0x80;
  std::uint8_t high = 0xbf;
  if (first >= 0xc2 && first <= 0xdf) {
    size = 2;
  } else if (first >= 0xe0 && first <= 0xef) {
    size = 3;
    if (first == 0xe0) low = 0xa0;
    if (first == 0xed) high = 0x9f;
  } else if (first >= 0xf0 && first <= 0xf4) {
    size = 4;
    if (first == 0xf0) low = 0x90;
    if (first == 0xf4) high = 0x8f;
  }
  if (size == 0 || text.size() < size) return 0;
  if (at(1) < low || at(1) > high) return 0;
  for (std::size_t i = 2; i < size; ++i)
    if ((at(i) & 0xc0U) != 0x80U) return 0;
  return size;
}

/// The character that such a sequence, which utf8_sequence() has found, stands for.
[[nodiscard]] constexpr char32_t utf8_character(std::string_view sequence) noexcept {
  const auto at = [sequence](std::size_t i) { return static_cast<std::uint8_t>(sequence[i]); };
  if (sequence.size() == 1) return at(0);
  char32_t character = at(0) & (0x7fU >> sequence.size());
  for (std::size_t i = 1; i < sequence.size(); ++i) character = character << 6U | (at(i) & 0x3fU);
  return character;
}

}  // namespace tcpinfo::inline v0

#endif
