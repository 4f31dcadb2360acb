// SPDX-License-Identifier: Apache-2.0
//
// Lines that say nothing.
#ifndef TCPINFO_COMMON_BLANK_LINE_H
#define TCPINFO_COMMON_BLANK_LINE_H

#include <string_view>

namespace tcpinfo::inline v0 {

/// Nothing but blanks, as between records that somebody edited.
[[nodiscard]] inline bool is_blank(std::string_view line) noexcept {
  return line.find_first_not_of(" \t\r\n") == std::string_view::npos;
}

}  // namespace tcpinfo::inline v0

#endif
