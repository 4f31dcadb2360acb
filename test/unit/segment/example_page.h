// SPDX-License-Identifier: Apache-2.0
//
// The worked examples of docs/segment.md.
#ifndef TCPINFO_TEST_UNIT_SEGMENT_EXAMPLE_PAGE_H
#define TCPINFO_TEST_UNIT_SEGMENT_EXAMPLE_PAGE_H

#include <algorithm>
#include <stdexcept>
#include <string>
#include <string_view>

namespace segment_files {

/// The bytes of the example below `heading` (a newline around it): in each indented line up to the
/// first word that is none, up to what it gives back.
inline std::string bytes_of_page(const std::string& page, std::string_view heading) {
  std::string bytes;
  const std::size_t begin = page.find(heading);
  const std::size_t end = page.find("\nIt gives back:\n", std::min(begin, page.size()));
  if (end == page.npos) throw std::runtime_error("the page has no such example");
  const auto digit = [](char c) {
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
  };
  for (std::size_t at = begin; (at = page.find("\n    ", at)) < end;) {
    at += 5;
    while (digit(page[at]) >= 0 && digit(page[at + 1]) >= 0 && page[at + 2] == ' ') {
      bytes += static_cast<char>(digit(page[at]) * 16 + digit(page[at + 1]));
      at += 3;
    }
  }
  return bytes;
}

}  // namespace segment_files

#endif
