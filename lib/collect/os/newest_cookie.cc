// SPDX-License-Identifier: Apache-2.0
#include "collect/os/newest_cookie.h"

#include <sys/socket.h>

#include <cerrno>

#include "collect/os/descriptor.h"
#include "common/errno_of.h"

namespace tcpinfo::collect {

// Each processor takes a batch of numbers in advance (the kernel's include/linux/cookie.h), so that
// a fresh cookie may be lower than one of another processor. The first of a batch is not: the batch
// was taken just now, beyond all others.
std::error_code find_newest_cookie(std::uint64_t& out) noexcept {
  constexpr std::uint64_t batch = 4096;
  for (std::uint64_t tries = 0; tries < 4 * batch; ++tries) {
    const descriptor one(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    std::uint64_t cookie = 0;
    socklen_t size = sizeof cookie;
    if (!one || ::getsockopt(one.get(), SOL_SOCKET, SO_COOKIE, &cookie, &size) != 0)
      return last_error();
    if (cookie % batch != 1) continue;
    out = cookie - 1;
    return {};
  }
  return system_error(ENOTSUP);
}

}  // namespace tcpinfo::collect
