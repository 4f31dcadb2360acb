// SPDX-License-Identifier: Apache-2.0
//
// Text for people. What came from a file, a name or the network must not move a terminal's cursor,
// colour it, turn the order of its letters around, or make two lines of a log out of one.
#ifndef TCPINFO_TEXT_ESCAPE_H
#define TCPINFO_TEXT_ESCAPE_H

#include <string>
#include <string_view>

namespace tcpinfo::text {

/// Appends `text` as it may be shown. Control characters (C0 with tabs and newlines, DEL, C1), the
/// line and paragraph separators and the characters that control the direction of writing (Unicode
/// Standard Annex 9) are written as \u001b, bytes that are not UTF-8 as \x9b. All else stays as it
/// is, a backslash too.
void append_escaped(std::string& to, std::string_view text);

[[nodiscard]] std::string escaped(std::string_view text);

}  // namespace tcpinfo::text

#endif
