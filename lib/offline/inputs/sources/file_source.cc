// SPDX-License-Identifier: Apache-2.0
#include "offline/inputs/sources/file_source.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>

#include "common/message_of.h"

namespace tcpinfo::offline {

int file_source::open(const std::string& path) {
  close();
  fd_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY);
  owned_ = fd_ >= 0;
  return fd_ >= 0 ? 0 : errno;
}

void file_source::take(int fd) {
  close();
  fd_ = fd;
}

void file_source::close() {
  if (owned_) ::close(fd_);
  fd_ = -1;
  owned_ = false;
  error_ = 0;
  bytes_read_ = 0;
}

std::size_t file_source::read(std::span<std::byte> out) {
  while (error_ == 0) {
    const ssize_t n = ::read(fd_, out.data(), out.size());
    if (n >= 0) {
      bytes_read_ += static_cast<std::size_t>(n);
      return static_cast<std::size_t>(n);
    }
    if (errno == EAGAIN) {
      // Somebody else made standard input non-blocking.
      pollfd wait{fd_, POLLIN, 0};
      (void)poll(&wait, 1, -1);
    } else if (errno != EINTR) {
      error_ = errno;
    }
  }
  return 0;
}

std::string file_source::fault() const { return error_ == 0 ? std::string() : message_of(error_); }

}  // namespace tcpinfo::offline
