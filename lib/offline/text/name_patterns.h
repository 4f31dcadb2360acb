// SPDX-License-Identifier: Apache-2.0
//
// Columns by patterns: rtt*, *_bytes.
#ifndef TCPINFO_OFFLINE_TEXT_NAME_PATTERNS_H
#define TCPINFO_OFFLINE_TEXT_NAME_PATTERNS_H

#include <fnmatch.h>

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace tcpinfo::offline {

/// Which of `count` names a pattern of fnmatch(3) matches: their indexes, in order.
/// @param name_at gives the name of an index, as a std::string_view.
template <typename Name>
[[nodiscard]] std::vector<std::size_t> matches_of(std::string_view pattern, std::size_t count,
                                                  const Name& name_at) {
  const std::string wanted(pattern);
  std::vector<std::size_t> found;
  for (std::size_t i = 0; i < count; ++i)
    if (fnmatch(wanted.c_str(), std::string(name_at(i)).c_str(), 0) == 0) found.push_back(i);
  return found;
}

}  // namespace tcpinfo::offline

#endif
