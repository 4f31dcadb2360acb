// SPDX-License-Identifier: Apache-2.0
#ifndef TCPINFO_OFFLINE_INPUTS_HELD_FILE_H
#define TCPINFO_OFFLINE_INPUTS_HELD_FILE_H

#include <unistd.h>

#include <utility>

namespace tcpinfo::offline {

/// A descriptor that is closed with it; -1 for none.
class held_file {
 public:
  held_file() = default;
  explicit held_file(int fd) : fd_(fd) {}
  held_file(held_file&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  held_file& operator=(held_file&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  held_file(const held_file&) = delete;
  held_file& operator=(const held_file&) = delete;
  ~held_file() {
    if (fd_ >= 0) ::close(fd_);
  }
  [[nodiscard]] int fd() const noexcept { return fd_; }

 private:
  int fd_ = -1;
};

}  // namespace tcpinfo::offline

#endif
