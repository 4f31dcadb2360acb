// SPDX-License-Identifier: Apache-2.0
#include "archive/text.h"

#include "common/utf8.h"

namespace tcpinfo::inline v0 {

char* write_escaped(char* to, std::string_view text) noexcept {
  constexpr std::string_view hex = "0123456789abcdef";
  *to++ = '"';
  while (!text.empty()) {
    const auto c = static_cast<unsigned char>(text.front());
    std::size_t taken = 1;
    if (c == '"' || c == '\\') {
      *to++ = '\\';
      *to++ = static_cast<char>(c);
    } else if (c == '\n') {
      to = write(to, "\\n");
    } else if (c == '\r') {
      to = write(to, "\\r");
    } else if (c == '\t') {
      to = write(to, "\\t");
    } else if (c < 0x20 || c == '<' || c == '>' || c == '&') {
      // Go's choice, so that JSON can stand inside HTML. It has no short form of \b and \f either.
      to = write(to, "\\u00");
      *to++ = hex[c >> 4];
      *to++ = hex[c & 0xf];
    } else {
      taken = utf8_sequence(text);
      const std::string_view sequence = text.substr(0, taken);
      if (taken == 0) {
        to = write(to, "\\ufffd");
        taken = 1;
      } else if (sequence == "\xe2\x80\xa8" || sequence == "\xe2\x80\xa9") {
        // Line separators to JavaScript.
        to = write(to, c == 0xe2 && sequence[2] == '\xa8' ? "\\u2028" : "\\u2029");
      } else {
        to = write(to, sequence);
      }
    }
    text.remove_prefix(taken);
  }
  *to++ = '"';
  return to;
}

}  // namespace tcpinfo::inline v0
