// SPDX-License-Identifier: Apache-2.0
#include "text/escape.h"

#include <algorithm>

#include "common/utf8.h"

namespace tcpinfo::text {
namespace {

constexpr std::string_view hex = "0123456789abcdef";

bool shows_as_itself(char c) { return c >= ' ' && c <= '~'; }

bool controls(char32_t c) {
  if (c < 0x20 || (c >= 0x7f && c <= 0x9f)) return true;
  // Marks, embeddings and overrides, and isolates; between them the separators of lines.
  return c == 0x061c || c == 0x200e || c == 0x200f || (c >= 0x2028 && c <= 0x202e) ||
         (c >= 0x2066 && c <= 0x2069);
}

}  // namespace

void append_escaped(std::string& to, std::string_view text) {
  while (!text.empty()) {
    const auto end = std::find_if_not(text.begin(), text.end(), shows_as_itself);
    to.append(text.begin(), end);
    text.remove_prefix(static_cast<std::size_t>(end - text.begin()));
    if (text.empty()) return;
    const std::size_t size = utf8_sequence(text);
    if (size == 0) {
      const auto byte = static_cast<unsigned char>(text.front());
      to += "\\x";
      to += hex[byte >> 4U];
      to += hex[byte & 15U];
    } else if (const char32_t c = utf8_character(text.substr(0, size)); controls(c)) {
      to += "\\u";
      for (int shift = 12; shift >= 0; shift -= 4)
        to += hex[(c >> static_cast<unsigned>(shift)) & 15U];
    } else {
      to += text.substr(0, size);
    }
    text.remove_prefix(std::max(size, std::size_t{1}));
  }
}

std::string escaped(std::string_view text) {
  std::string to;
  to.reserve(text.size());
  append_escaped(to, text);
  return to;
}

}  // namespace tcpinfo::text
