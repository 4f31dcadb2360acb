// SPDX-License-Identifier: Apache-2.0
#include "text/standard_output.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "text/write_all.h"

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
  const int error = write_all(STDOUT_FILENO, text);
  return error == EPIPE ? 0 : error;
}

}  // namespace tcpinfo::text
