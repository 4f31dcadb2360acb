// SPDX-License-Identifier: Apache-2.0
//
// A part of a file as a source.
#ifndef TCPINFO_OFFLINE_INPUTS_SOURCES_RANGE_SOURCE_H
#define TCPINFO_OFFLINE_INPUTS_SOURCES_RANGE_SOURCE_H

#include <tcpinfo/segment.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <system_error>

#include "offline/inputs/sources/byte_source.h"

namespace tcpinfo::offline {

/// The descriptor stays the caller's, and its offset where it is.
class range_source final : public byte_source {
 public:
  range_source(int fd, const file_range& range) : fd_(fd), rest_(range) {}

  [[nodiscard]] std::size_t read(std::span<std::byte> out) override {
    const std::size_t most =
        static_cast<std::size_t>(std::min<std::uint64_t>(out.size(), rest_.size));
    ssize_t n = 0;
    do n = ::pread(fd_, out.data(), most, static_cast<off_t>(rest_.offset));
    while (n < 0 && errno == EINTR);
    if (n < 0) error_ = errno;
    const std::uint64_t size = n > 0 ? static_cast<std::uint64_t>(n) : 0;
    rest_ = {rest_.offset + size, size == 0 ? 0 : rest_.size - size};
    return static_cast<std::size_t>(size);
  }
  [[nodiscard]] std::string fault() const override {
    return error_ == 0 ? std::string() : std::generic_category().message(error_);
  }

 private:
  int fd_;
  file_range rest_;
  int error_ = 0;
};

}  // namespace tcpinfo::offline

#endif
