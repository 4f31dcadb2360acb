// SPDX-License-Identifier: Apache-2.0
#include "parse/emit_text.h"

#include <cstdint>
#include <cstring>

#include "common/utf8.h"

namespace tcpinfo::inline v0 {
namespace {

char* put(char* to, std::string_view text) noexcept {
  std::memcpy(to, text.data(), text.size());
  return to + text.size();
}

char* escape_csv(char* to, char c) noexcept {
  if (c == '"') *to++ = '"';
  *to++ = c;
  return to;
}

char* escape_tsv(char* to, char c) noexcept {
  switch (c) {
    case '\t':
      return put(to, "\\t");
    case '\n':
      return put(to, "\\n");
    case '\r':
      return put(to, "\\r");
    case '\\':
      return put(to, "\\\\");
    default:
      *to++ = c;
      return to;
  }
}

char* escape_json(char* to, char c) noexcept {
  const auto byte = static_cast<std::uint8_t>(c);
  if (c == '"' || c == '\\') {
    *to++ = '\\';
    *to++ = c;
  } else if (byte < 0x20 || byte == 0x7f) {
    to = put(to, "\\u00");
    *to++ = "0123456789abcdef"[byte >> 4U];
    *to++ = "0123456789abcdef"[byte & 15U];
  } else {
    *to++ = c;
  }
  return to;
}

template <class Escape>
char* write_characters(char* to, std::string_view text, Escape escape) noexcept {
  while (!text.empty()) {
    const std::size_t size = utf8_sequence(text);
    if (size == 0)
      to = put(to, "\xef\xbf\xbd");
    else if (size == 1)
      to = escape(to, text[0]);
    else
      to = put(to, text.substr(0, size));
    text.remove_prefix(size == 0 ? 1 : size);
  }
  return to;
}

// Texts that are written as they are in every format: names, nearly always.
bool is_plain(std::string_view text) noexcept {
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '_' || c == '-' || c == '.';
    if (!plain) return false;
  }
  return !text.empty();
}

}  // namespace

char* write_text_cell(char* to, row_format format, std::string_view text) noexcept {
  if (format != row_format::json && is_plain(text)) return put(to, text);
  if (format == row_format::tsv) return write_characters(to, text, escape_tsv);
  if (format == row_format::json) {
    *to++ = '"';
    to = write_characters(to, text, escape_json);
    *to++ = '"';
    return to;
  }
  // A space at either end would be dropped by some readers.
  const bool quoted = text.empty() || text.find_first_of(",\"\r\n") != std::string_view::npos ||
                      text.front() == ' ' || text.back() == ' ';
  if (!quoted) return write_characters(to, text, escape_csv);
  *to++ = '"';
  to = write_characters(to, text, escape_csv);
  *to++ = '"';
  return to;
}

std::error_code format_text_cell(row_format format, std::string_view text, std::span<char> out,
                                 std::size_t& written) noexcept {
  written = 0;
  if (format > row_format::json) return errc::invalid_argument;
  if (out.size() < max_text_cell(text.size())) return errc::buffer_too_small;
  written = static_cast<std::size_t>(write_text_cell(out.data(), format, text) - out.data());
  return {};
}

}  // namespace tcpinfo::inline v0
