// SPDX-License-Identifier: Apache-2.0
#include "text/write_all.h"

#include <unistd.h>

#include <cerrno>

namespace tcpinfo::text {

int write_all(int fd, std::string_view text) noexcept { return write_rest(fd, text); }

int write_rest(int fd, std::string_view& rest) noexcept {
  while (!rest.empty()) {
    const ssize_t n = write(fd, rest.data(), rest.size());
    if (n > 0)
      rest.remove_prefix(static_cast<std::size_t>(n));
    else if (n < 0 && errno != EINTR)
      return errno;
  }
  return 0;
}

}  // namespace tcpinfo::text
