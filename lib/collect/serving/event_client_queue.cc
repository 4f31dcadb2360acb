// SPDX-License-Identifier: Apache-2.0
#include "collect/serving/event_client_queue.h"

#include <sys/socket.h>

#include <cerrno>
#include <new>

namespace tcpinfo::collect {
namespace {

// Of a replay this much is made text at a time.
constexpr std::size_t replay_portion = std::size_t{64} << 10;

}  // namespace

bool event_client_queue::add(std::string_view line) noexcept {
  if (bytes_.size() - written_ + line.size() > limit_) return false;
  // Written bytes are cut off when they are as many as the others: each is copied once at most.
  if (written_ > 0 && written_ >= bytes_.size() - written_) {
    bytes_.erase(0, written_);
    written_ = 0;
  }
  try {
    bytes_.append(line);
  } catch (const std::bad_alloc&) {
    return false;
  }
  return true;
}

event_client_queue::state event_client_queue::write(std::string& bytes, std::size_t& written) {
  blocked_ = false;
  while (written < bytes.size()) {
    const ssize_t n = ::send(socket_.get(), bytes.data() + written, bytes.size() - written,
                             MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n >= 0) {
      written += static_cast<std::size_t>(n);
    } else if (errno == EAGAIN || errno == ENOBUFS || errno == ENOMEM) {
      // Nobody tells when the system has memory again.
      blocked_ = errno == EAGAIN;
      return state::waiting;
    } else if (errno != EINTR) {
      return state::gone;
    }
  }
  bytes.clear();
  written = 0;
  return state::idle;
}

event_client_queue::state event_client_queue::flush(event_text& text) {
  for (;;) {
    if (const state now = write(replay_text_, replay_text_written_); now != state::idle) return now;
    if (replayed_ == replay_.size()) break;
    while (replayed_ < replay_.size() && replay_text_.size() < replay_portion) {
      // Counted when it is there: memory may run out, and there must be no hole.
      const told_open& one = replay_[replayed_];
      replay_text_.append(text.line(one.notice, one.owner.get()));
      ++replayed_;
    }
  }
  if (replayed_ > 0) {
    replay_ = {};
    replayed_ = 0;
    replay_text_ = {};
  }
  return write(bytes_, written_);
}

}  // namespace tcpinfo::collect
