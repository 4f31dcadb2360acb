// SPDX-License-Identifier: Apache-2.0
//
// What the system says of an error.
#ifndef TCPINFO_COMMON_MESSAGE_OF_H
#define TCPINFO_COMMON_MESSAGE_OF_H

#include <string>
#include <system_error>

namespace tcpinfo::inline v0 {

/// The words for an errno.
[[nodiscard]] inline std::string message_of(int error) {
  return std::generic_category().message(error);
}

}  // namespace tcpinfo::inline v0

#endif
