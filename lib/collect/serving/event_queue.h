// SPDX-License-Identifier: Apache-2.0
//
// From the samplers to the event server: a bounded queue of notices.
#ifndef TCPINFO_COLLECT_SERVING_EVENT_QUEUE_H
#define TCPINFO_COLLECT_SERVING_EVENT_QUEUE_H

#include <tcpinfo/eventsocket.h>

#include <cstddef>
#include <cstdint>

#include "collect/writing/spsc_queue.h"

namespace tcpinfo::collect {

/// That a connection opened or closed.
struct flow_notice {
  flow_event_kind kind = flow_event_kind::opened;
  std::int64_t time_ns = 0;  ///< since 1970
  socket_id id;              ///< of a close only the cookie
  /// Number of the UUID prefix (uuid_prefixes); that of a close is the open's.
  std::uint16_t prefix = 0;
  std::uint32_t inode = 0;  ///< of the socket, of an open; this and the next: clues to its owner
  std::uint64_t cgroup = 0;
};

class event_queue {
 public:
  /// Capacity is rounded up to a power of two. Throws std::bad_alloc.
  explicit event_queue(std::size_t notices) : notices_(notices) {}

  /// Producer: false where there is no room. The last quarter is kept for closes: an open that is
  /// not told is a connection less, a close that is not told one that seems open for ever.
  [[nodiscard]] bool push(const flow_notice& notice) noexcept {
    const std::size_t capacity = notices_.capacity();
    const bool is_open = notice.kind == flow_event_kind::opened;
    if (!notices_.push(notice, is_open ? capacity - capacity / 4 : capacity)) return false;
    // For each: the producer looks next whether the consumer sleeps.
    notices_.announce();
    return true;
  }
  /// Consumer: the oldest notice; false where there is none.
  [[nodiscard]] bool pop(flow_notice& out) noexcept { return notices_.pop(out); }
  /// Consumer.
  [[nodiscard]] bool empty() const noexcept { return notices_.empty(); }

 private:
  spsc_queue<flow_notice> notices_;
};

}  // namespace tcpinfo::collect

#endif
