// SPDX-License-Identifier: Apache-2.0
//
// Texts in cells. What a kernel or a file calls a name may be any bytes; a table must stay
// readable.
#ifndef TCPINFO_PARSE_EMIT_TEXT_H
#define TCPINFO_PARSE_EMIT_TEXT_H

#include <tcpinfo/parse.h>

#include <cstddef>
#include <string_view>

namespace tcpinfo::inline v0 {

[[nodiscard]] constexpr std::size_t max_text_cell(std::size_t text_size) noexcept {
  return 6 * text_size + 2;
}

/// `to` has room for max_text_cell. @return the end of what was written.
[[nodiscard]] char* write_text_cell(char* to, row_format format, std::string_view text) noexcept;

}  // namespace tcpinfo::inline v0

#endif
