// SPDX-License-Identifier: Apache-2.0
#include "text/standard_output.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

namespace tcpinfo::text {

void hold_standard_descriptors() noexcept {
  for (const int number : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (fcntl(number, F_GETFD) >= 0) continue;
    // The lowest number that is free is this one. In the wrong direction, so that it cannot be
    // used.
    (void)open("/dev/null", number == STDIN_FILENO ? O_WRONLY : O_RDONLY);
  }
}

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
