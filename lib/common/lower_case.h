// SPDX-License-Identifier: Apache-2.0
//
// Letters of ASCII, whatever the locale is.
#ifndef TCPINFO_COMMON_LOWER_CASE_H
#define TCPINFO_COMMON_LOWER_CASE_H

namespace tcpinfo::inline v0 {

/// A capital letter's small one; any other byte as it is.
[[nodiscard]] constexpr char lower_case(char c) noexcept {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

}  // namespace tcpinfo::inline v0

#endif
