// SPDX-License-Identifier: Apache-2.0
#include "text/standard_output.h"

#include <unistd.h>

#include <cerrno>

namespace tcpinfo::text {

int print(std::string_view text) noexcept {
  while (!text.empty()) {
    const ssize_t n = write(STDOUT_FILENO, text.data(), text.size());
    if (n > 0)
      text.remove_prefix(static_cast<std::size_t>(n));
    else if (n < 0 && errno != EINTR)
      return errno == EPIPE ? 0 : errno;
  }
  return 0;
}

}  // namespace tcpinfo::text
