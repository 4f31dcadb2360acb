// SPDX-License-Identifier: Apache-2.0
//
// Whether an error is one errno of the system: error_codes of the library have other categories.
#ifndef TCPINFO_COLLECT_ERRNO_OF_H
#define TCPINFO_COLLECT_ERRNO_OF_H

#include <system_error>

namespace tcpinfo::collect {

[[nodiscard]] inline bool is_errno(const std::error_code& ec, int value) noexcept {
  return ec.category() == std::system_category() && ec.value() == value;
}

}  // namespace tcpinfo::collect

#endif
