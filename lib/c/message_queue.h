// SPDX-License-Identifier: Apache-2.0
//
// Copies of messages, first in, first out: what the functions give that hand out one message a
// call.
#ifndef TCPINFO_C_MESSAGE_QUEUE_H
#define TCPINFO_C_MESSAGE_QUEUE_H

#include <tcpinfo/inetdiag.h>

#include <cstddef>
#include <vector>

namespace tcpinfo::inline v0 {

class message_queue final {
 public:
  /// Memory is kept for the next messages.
  void clear() noexcept {
    bytes_.clear();
    ends_.clear();
    next_ = 0;
    lacked_memory_ = false;
  }

  /// Where there is no memory the message is left out: lacked_memory() says so.
  void push(const message& m) noexcept {
    try {
      bytes_.insert(bytes_.end(), m.bytes.begin(), m.bytes.end());
      ends_.push_back(bytes_.size());
    } catch (...) {
      bytes_.resize(ends_.empty() ? 0 : ends_.back());
      lacked_memory_ = true;
    }
  }

  [[nodiscard]] bool lacked_memory() const noexcept { return lacked_memory_; }

  /// Valid until the queue changes otherwise than by pop(). @return false at the end.
  [[nodiscard]] bool pop(message& out) noexcept {
    if (next_ == ends_.size()) return false;
    const std::size_t begin = next_ == 0 ? 0 : ends_[next_ - 1];
    out.bytes = bytes_view(bytes_).subspan(begin, ends_[next_] - begin);
    ++next_;
    return true;
  }

 private:
  std::vector<std::byte> bytes_;
  std::vector<std::size_t> ends_;
  std::size_t next_ = 0;
  bool lacked_memory_ = false;
};

}  // namespace tcpinfo::inline v0

#endif
