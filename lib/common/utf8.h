// SPDX-License-Identifier: Apache-2.0
//
// UTF-8 as Unicode's table 3-7 has it: no overlong forms, no surrogates, nothing above U+10FFFF.
#ifndef TCPINFO_COMMON_UTF8_H
#define TCPINFO_COMMON_UTF8_H

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace tcpinfo::inline v0 {

/// U+FEFF in UTF-8, which some editors and scripts write before a text. At a file's start readers
/// pass over it; before any other line it is a fault. Each decides that itself, because simdjson
/// has done either: 3.0 refuses a text that begins with one, 3.12 reads on behind it.
inline constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";

/// What the first byte of a character says of it.
struct utf8_lead {
  std::size_t size = 0;     // of the whole character; 0: no character begins so
  std::uint8_t low = 0x80;  // the second byte, at least
  std::uint8_t high = 0xbf;
};
[[nodiscard]] constexpr utf8_lead utf8_lead_of(char first_byte) noexcept {
  const auto first = static_cast<std::uint8_t>(first_byte);
  if (first < 0x80) return {1};
  if (first >= 0xc2 && first <= 0xdf) return {2};
  if (first == 0xe0) return {3, 0xa0};
  if (first == 0xed) return {3, 0x80, 0x9f};
  if (first >= 0xe1 && first <= 0xef) return {3};
  if (first == 0xf0) return {4, 0x90};
  if (first >= 0xf1 && first <= 0xf3) return {4};
  if (first == 0xf4) return {4, 0x80, 0x8f};
  return {};
}

/// How many bytes at the start of `text` (not empty), which begins with `lead`, go with it.
[[nodiscard]] constexpr std::size_t utf8_good_bytes(std::string_view text,
                                                    const utf8_lead& lead) noexcept {
  const auto at = [text](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
  const std::size_t most = lead.size < text.size() ? lead.size : text.size();
  if (most < 2) return most;
  if (at(1) < lead.low || at(1) > lead.high) return 1;
  std::size_t good = 2;
  while (good < most && (at(good) & 0xc0U) == 0x80U) ++good;
  return good;
}

/// Length of the character at the start of `text` (not empty), 0 where there is none.
[[nodiscard]] constexpr std::size_t utf8_sequence(std::string_view text) noexcept {
  if (static_cast<std::uint8_t>(text[0]) < 0x80) return 1;
  const utf8_lead lead = utf8_lead_of(text[0]);
  return text.size() >= lead.size && utf8_good_bytes(text, lead) == lead.size ? lead.size : 0;
}

/// Whether `text` (not empty) is the beginning of a character, and ends before the character does.
[[nodiscard]] constexpr bool is_cut_utf8(std::string_view text) noexcept {
  const utf8_lead lead = utf8_lead_of(text[0]);
  return text.size() < lead.size && utf8_good_bytes(text, lead) == text.size();
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
