// SPDX-License-Identifier: Apache-2.0
#ifndef TCPINFO_TEXT_COUNTED_H
#define TCPINFO_TEXT_COUNTED_H

#include <fmt/format.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace tcpinfo::text {

/// "1 record", "2 records".
[[nodiscard]] inline std::string counted(std::uint64_t n, std::string_view one) {
  return fmt::format("{} {}{}", n, one, n == 1 ? "" : "s");
}

}  // namespace tcpinfo::text

#endif
