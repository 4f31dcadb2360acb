// SPDX-License-Identifier: Apache-2.0
//
// Errors of the system and its errno: error_codes of the library have other categories.
#ifndef TCPINFO_COMMON_ERRNO_OF_H
#define TCPINFO_COMMON_ERRNO_OF_H

#include <cerrno>
#include <system_error>

namespace tcpinfo::inline v0 {

[[nodiscard]] inline bool is_errno(const std::error_code& ec, int value) noexcept {
  return ec.category() == std::system_category() && ec.value() == value;
}

[[nodiscard]] inline std::error_code system_error(int number) noexcept {
  return {number, std::system_category()};
}

[[nodiscard]] inline std::error_code last_error() noexcept { return system_error(errno); }

}  // namespace tcpinfo::inline v0

#endif
