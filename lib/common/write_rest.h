// SPDX-License-Identifier: Apache-2.0
#ifndef TCPINFO_COMMON_WRITE_REST_H
#define TCPINFO_COMMON_WRITE_REST_H

#include <unistd.h>

#include <cerrno>
#include <string_view>

namespace tcpinfo::inline v0 {

/// write(2) until all of `rest` is written, however often that takes. `rest` is what is left.
/// @return an errno, 0 for success.
[[nodiscard]] inline int write_rest(int fd, std::string_view& rest) noexcept {
  while (!rest.empty()) {
    const ssize_t n = ::write(fd, rest.data(), rest.size());
    if (n > 0)
      rest.remove_prefix(static_cast<std::size_t>(n));
    else if (n < 0 && errno != EINTR)
      return errno;
  }
  return 0;
}

}  // namespace tcpinfo::inline v0

#endif
