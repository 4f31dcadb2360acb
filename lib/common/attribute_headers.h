// SPDX-License-Identifier: Apache-2.0
//
// The headers of a message's attributes. What has the same headers in the same places has the same
// attributes, each as long: what was found out about one such message holds for the next.
#ifndef TCPINFO_COMMON_ATTRIBUTE_HEADERS_H
#define TCPINFO_COMMON_ATTRIBUTE_HEADERS_H

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include <tcpinfo/bytes.h>

namespace tcpinfo::inline v0 {

/// Remembers those of one message. One thread at a time; allocates nothing.
class attribute_headers {
 public:
  /// Forgets the message: none has its headers until finish().
  void clear() noexcept {
    size_ = 0;
    count_ = 0;
  }
  /// The next attribute of the message: where its header is.
  /// @return false where there are too many to be remembered
  [[nodiscard]] bool add(bytes_view message, std::size_t at) noexcept {
    if (count_ == headers_.size()) return false;
    headers_[count_++] = {static_cast<std::uint32_t>(at), header_at(message, at)};
    return true;
  }
  /// All attributes were added, and the message has nothing else.
  void finish(bytes_view message) noexcept { size_ = message.size(); }

  [[nodiscard]] bool are_finished() const noexcept { return size_ != 0; }
  /// Whether another message has the same.
  [[nodiscard]] bool are_of(bytes_view message) const noexcept {
    if (message.size() != size_) return false;
    std::uint32_t different = 0;
    for (std::size_t i = 0; i < count_; ++i)
      different |= header_at(message, headers_[i].at) ^ headers_[i].bytes;
    return different == 0;
  }

 private:
  struct header {
    std::uint32_t at;     // in the message
    std::uint32_t bytes;  // length and type, as they stand there
  };
  [[nodiscard]] static std::uint32_t header_at(bytes_view message, std::size_t at) noexcept {
    std::uint32_t bytes = 0;
    std::memcpy(&bytes, message.data() + at, sizeof bytes);
    return bytes;
  }

  std::size_t size_ = 0;  // of the message; 0: nothing can be compared with it
  std::size_t count_ = 0;
  std::array<header, 32> headers_;
};

}  // namespace tcpinfo::inline v0

#endif
