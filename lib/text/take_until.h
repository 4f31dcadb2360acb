// SPDX-License-Identifier: Apache-2.0
//
// Parts of a text with marks between them.
#ifndef TCPINFO_TEXT_TAKE_UNTIL_H
#define TCPINFO_TEXT_TAKE_UNTIL_H

#include <string_view>

namespace tcpinfo::text {

/// What is before the first `end`, all where there is none; it is taken off the text with that
/// mark.
inline std::string_view take_until(std::string_view& text, char end) noexcept {
  const std::size_t at = text.find(end);
  const std::string_view head = text.substr(0, at);
  text.remove_prefix(at == std::string_view::npos ? text.size() : at + 1);
  return head;
}

}  // namespace tcpinfo::text

#endif
