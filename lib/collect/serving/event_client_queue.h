// SPDX-License-Identifier: Apache-2.0
//
// The lines that one client of the event socket has still to get: bounded, written without waiting.
#ifndef TCPINFO_COLLECT_SERVING_EVENT_CLIENT_QUEUE_H
#define TCPINFO_COLLECT_SERVING_EVENT_CLIENT_QUEUE_H

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "collect/os/descriptor.h"
#include "collect/owners/owner.h"
#include "collect/serving/event_queue.h"
#include "collect/serving/event_text.h"

namespace tcpinfo::collect {

/// A connection that is open, as it is told.
struct told_open {
  flow_notice notice;
  owner_pointer owner;  ///< null: not told
};

/// One thread.
class event_client_queue {
 public:
  enum class state {
    idle,     ///< everything is written
    waiting,  ///< the client has to read first
    gone,     ///< nobody reads any more
  };

  event_client_queue(descriptor client, std::size_t limit)
      : socket_(std::move(client)), limit_(limit) {}

  /// Opens to be written before all lines added later, without counting for the limit.
  void replay(std::vector<told_open> open) { replay_ = std::move(open); }
  /// Adds a line. False: it has not read for so long that there is no room, or memory has run out;
  /// what it gets from here on would have a hole.
  [[nodiscard]] bool add(std::string_view line) noexcept;
  /// Writes as much as the client takes.
  [[nodiscard]] state flush(event_text& text);
  /// Whether flush() is of no use until the descriptor becomes writable.
  [[nodiscard]] bool blocked() const noexcept { return blocked_; }
  /// How much of a replay is kept.
  [[nodiscard]] std::size_t replaying() const noexcept { return replay_.size(); }
  /// Whether something is still to be written.
  [[nodiscard]] bool pending() const noexcept {
    return written_ < bytes_.size() || !replay_text_.empty() || replayed_ < replay_.size();
  }

 private:
  [[nodiscard]] state write(std::string& bytes, std::size_t& written);

  const descriptor socket_;
  const std::size_t limit_;
  std::vector<told_open> replay_;
  std::size_t replayed_ = 0;
  std::string replay_text_;
  std::size_t replay_text_written_ = 0;
  std::string bytes_;
  std::size_t written_ = 0;
  bool blocked_ = false;
};

}  // namespace tcpinfo::collect

#endif
