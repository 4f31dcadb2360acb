// SPDX-License-Identifier: Apache-2.0
#include "collect/os/read_full.h"

#include <unistd.h>

#include <cerrno>

#include "common/errno_of.h"

namespace tcpinfo::collect {

std::error_code read_some(int fd, std::span<std::byte> out, std::size_t& n) noexcept {
  ssize_t got = 0;
  do {
    got = ::read(fd, out.data(), out.size());
  } while (got < 0 && errno == EINTR);
  n = got < 0 ? 0 : static_cast<std::size_t>(got);
  return got < 0 ? last_error() : std::error_code{};
}

std::error_code read_full(int fd, std::span<std::byte> out, std::size_t& n) noexcept {
  return read_full(
      [fd](std::span<std::byte> rest, std::size_t& got) { return read_some(fd, rest, got); }, out,
      n);
}

}  // namespace tcpinfo::collect
