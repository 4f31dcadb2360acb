// SPDX-License-Identifier: Apache-2.0
//
// What the first bytes of an input say of it where it may be text.
#ifndef TCPINFO_COMMON_TEXT_HEAD_H
#define TCPINFO_COMMON_TEXT_HEAD_H

#include <cstddef>
#include <cstdint>
#include <string_view>

#include <tcpinfo/bytes.h>

#include "common/utf8.h"

namespace tcpinfo::inline v0 {

inline constexpr std::string_view white_space = " \t\n\v\f\r";

[[nodiscard]] inline std::string_view as_text(bytes_view bytes) noexcept {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// Whether this is UTF-8 without control characters but white space. A character that is cut at the
/// end counts as whole.
[[nodiscard]] constexpr bool looks_like_text(std::string_view text) noexcept {
  while (!text.empty()) {
    const auto first = static_cast<std::uint8_t>(text[0]);
    const bool white = first >= '\t' && first <= '\r';
    if ((first < 0x20 && !white) || first == 0x7f) return false;
    const std::size_t size = utf8_sequence(text);
    if (size == 0) return is_cut_utf8(text);
    text.remove_prefix(size);
  }
  return true;
}

/// Without the byte order mark and the white space that the text begins with.
[[nodiscard]] constexpr std::string_view from_first_word(std::string_view text) noexcept {
  if (text.starts_with(byte_order_mark)) text.remove_prefix(byte_order_mark.size());
  const std::size_t first = text.find_first_not_of(white_space);
  return first == std::string_view::npos ? std::string_view() : text.substr(first);
}

enum class object_start : std::uint8_t {
  no,
  yes,   ///< a brace, and what may stand behind it
  open,  ///< nothing but white space and perhaps a brace: more of the text tells
};
/// Whether a text begins with an object of JSON, as every line of an archive does.
[[nodiscard]] constexpr object_start find_object(std::string_view text) noexcept {
  text = from_first_word(text);
  if (text.empty()) return object_start::open;
  if (text[0] != '{') return object_start::no;
  const std::size_t inside = text.find_first_not_of(white_space, 1);
  if (inside == std::string_view::npos) return object_start::open;
  return text[inside] == '"' || text[inside] == '}' ? object_start::yes : object_start::no;
}

/// Whether this line, or this part of a first line, may be one of an archive.
[[nodiscard]] constexpr bool may_begin_object(std::string_view line) noexcept {
  return looks_like_text(line) && find_object(line) != object_start::no;
}

}  // namespace tcpinfo::inline v0

#endif
