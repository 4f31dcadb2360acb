// SPDX-License-Identifier: Apache-2.0
//
// Parts of a file as a source.
#ifndef TCPINFO_OFFLINE_INPUTS_SOURCES_RANGE_SOURCE_H
#define TCPINFO_OFFLINE_INPUTS_SOURCES_RANGE_SOURCE_H

#include <tcpinfo/segment.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <utility>
#include <vector>

#include "common/message_of.h"
#include "offline/inputs/sources/byte_source.h"

namespace tcpinfo::offline {

/// The descriptor stays the caller's, and its offset where it is.
class range_source final : public byte_source {
 public:
  range_source() = default;
  /// One range behind the other.
  range_source(int fd, std::vector<file_range> ranges) : fd_(fd), ranges_(std::move(ranges)) {}

  [[nodiscard]] std::size_t read(std::span<std::byte> out) override {
    while (at_ < ranges_.size() && ranges_[at_].size == 0) ++at_;
    if (at_ == ranges_.size()) return 0;
    file_range& rest = ranges_[at_];
    const std::size_t most =
        static_cast<std::size_t>(std::min<std::uint64_t>(out.size(), rest.size));
    ssize_t n = 0;
    do n = ::pread(fd_, out.data(), most, static_cast<off_t>(rest.offset));
    while (n < 0 && errno == EINTR);
    if (n < 0) error_ = errno;
    if (n <= 0) {
      at_ = ranges_.size();
      return 0;
    }
    const auto size = static_cast<std::uint64_t>(n);
    rest = {rest.offset + size, rest.size - size};
    bytes_read_ += size;
    return static_cast<std::size_t>(size);
  }
  [[nodiscard]] std::string fault() const override {
    return error_ == 0 ? std::string() : message_of(error_);
  }
  [[nodiscard]] std::uint64_t bytes_read() const noexcept { return bytes_read_; }

 private:
  int fd_ = -1;
  std::vector<file_range> ranges_;
  std::size_t at_ = 0;
  std::uint64_t bytes_read_ = 0;
  int error_ = 0;
};

}  // namespace tcpinfo::offline

#endif
