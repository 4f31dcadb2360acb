// SPDX-License-Identifier: Apache-2.0
//
// From the sampler to the event server: a bounded queue that never blocks. One producer thread, one
// consumer thread.
#ifndef TCPINFO_COLLECT_SERVING_EVENT_QUEUE_H
#define TCPINFO_COLLECT_SERVING_EVENT_QUEUE_H

#include <tcpinfo/eventsocket.h>

#include <atomic>
#include <bit>
#include <cstdint>
#include <memory>

namespace tcpinfo::collect {

/// That a connection opened or closed.
struct flow_notice {
  flow_event_kind kind = flow_event_kind::opened;
  std::int64_t time_ns = 0;  ///< since 1970
  socket_id id;              ///< of a close only the cookie
  /// Number of the UUID prefix (uuid_prefixes); that of a close is the open's.
  std::uint16_t prefix = 0;
};

class event_queue {
 public:
  /// Capacity is rounded up to a power of two. Throws std::bad_alloc.
  explicit event_queue(std::size_t notices)
      : capacity_(std::bit_ceil(notices)), notices_(new flow_notice[capacity_]) {}

  /// Producer: false where there is no room. The last quarter is kept for closes: an open that is
  /// not told is a connection less, a close that is not told one that seems open for ever.
  [[nodiscard]] bool push(const flow_notice& notice) noexcept {
    const std::uint64_t tail = tail_.load(std::memory_order_relaxed);
    const std::uint64_t used = tail - head_.load(std::memory_order_acquire);
    const bool is_open = notice.kind == flow_event_kind::opened;
    if (used >= (is_open ? capacity_ - capacity_ / 4 : capacity_)) return false;
    notices_[static_cast<std::size_t>(tail) & (capacity_ - 1)] = notice;
    // Sequentially consistent: the producer looks next whether the consumer sleeps.
    tail_.store(tail + 1, std::memory_order_seq_cst);
    return true;
  }

  /// Consumer: the oldest notice; false where there is none.
  [[nodiscard]] bool pop(flow_notice& out) noexcept {
    const std::uint64_t head = head_.load(std::memory_order_relaxed);
    if (head == tail_.load(std::memory_order_seq_cst)) return false;
    out = notices_[static_cast<std::size_t>(head) & (capacity_ - 1)];
    head_.store(head + 1, std::memory_order_release);
    return true;
  }
  /// Consumer.
  [[nodiscard]] bool empty() const noexcept {
    return head_.load(std::memory_order_relaxed) == tail_.load(std::memory_order_seq_cst);
  }

 private:
  const std::size_t capacity_;
  const std::unique_ptr<flow_notice[]> notices_;
  // On cache lines of their own: each is written by one side and read by the other.
  alignas(64) std::atomic<std::uint64_t> head_{0};
  alignas(64) std::atomic<std::uint64_t> tail_{0};
};

}  // namespace tcpinfo::collect

#endif
