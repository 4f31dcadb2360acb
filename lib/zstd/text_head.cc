// SPDX-License-Identifier: Apache-2.0
#include "zstd/text_head.h"

#include <algorithm>
#include <cstddef>
#include <string_view>

namespace tcpinfo::inline v0 {

bool looks_like_text(bytes_view bytes) noexcept {
  for (std::size_t i = 0; i < bytes.size();) {
    const auto first = std::to_integer<unsigned>(bytes[i]);
    ++i;
    if (first < 0x80) {
      const bool white = first >= '\t' && first <= '\r';
      if ((first < 0x20 && !white) || first == 0x7f) return false;
      continue;
    }
    std::size_t follow = 0;
    if (first >= 0xc2 && first < 0xe0)
      follow = 1;
    else if (first >= 0xe0 && first < 0xf0)
      follow = 2;
    else if (first >= 0xf0 && first < 0xf5)
      follow = 3;
    else
      return false;
    for (; follow > 0 && i < bytes.size(); --follow, ++i)
      if ((std::to_integer<unsigned>(bytes[i]) & 0xc0U) != 0x80U) return false;
  }
  return true;
}

bytes_view from_first_word(bytes_view text) noexcept {
  const auto is_white = [](std::byte b) {
    const auto c = std::to_integer<unsigned>(b);
    return c == ' ' || (c >= '\t' && c <= '\r');
  };
  const auto first = std::find_if_not(text.begin(), text.end(), is_white);
  return text.subspan(static_cast<std::size_t>(first - text.begin()));
}

bool begins_object(bytes_view line) noexcept {
  if (!looks_like_text(line)) return false;
  std::string_view text(reinterpret_cast<const char*>(line.data()), line.size());
  constexpr std::string_view byte_order_mark = "\xef\xbb\xbf", white = " \t\r\v\f";
  if (text.starts_with(byte_order_mark)) text.remove_prefix(byte_order_mark.size());
  const std::size_t open = text.find_first_not_of(white);
  // Blank lines say nothing yet.
  if (open == std::string_view::npos) return true;
  if (text[open] != '{') return false;
  const std::size_t inside = text.find_first_not_of(white, open + 1);
  return inside == std::string_view::npos || text[inside] == '"' || text[inside] == '}';
}

}  // namespace tcpinfo::inline v0
