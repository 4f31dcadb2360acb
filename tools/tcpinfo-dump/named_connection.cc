// SPDX-License-Identifier: Apache-2.0
#include "tcpinfo-dump/named_connection.h"

#include <sys/stat.h>
#include <tcpinfo/archive.h>

#include <cstddef>
#include <cstdint>

namespace tcpinfo::tools {

bool names_connection(const std::string& text) {
  constexpr std::size_t digits = 16;
  struct stat found {};
  std::uint64_t cookie = 0;
  // A cookie alone is what a UUID has behind some prefix.
  const bool ends_in_cookie =
      !parse_uuid_cookie(text.size() == digits ? "x_" + text : text, cookie);
  return ends_in_cookie && text.find('/') == std::string::npos && stat(text.c_str(), &found) != 0;
}

}  // namespace tcpinfo::tools
