// SPDX-License-Identifier: Apache-2.0
//
// Queues between one producer thread and one consumer thread. Neither side ever waits for the
// other: push() says "no" where the queue is full, and pop() where it is empty.
#ifndef TCPINFO_COLLECT_WRITING_SPSC_QUEUE_H
#define TCPINFO_COLLECT_WRITING_SPSC_QUEUE_H

#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>

namespace tcpinfo::collect {

/// Up to where the producer has written and the consumer has read, in a unit of the queue's choice
/// (slots, bytes). Both counters only grow; a queue whose capacity is a power of two finds a place
/// as counter & (capacity - 1).
///
/// A consumer that goes to sleep sets its flag and then looks at written(); a producer publishes,
/// calls announce() and then looks at the flag. All four are sequentially consistent, so that at
/// least one side sees the other.
class spsc_indices {
 public:
  // Producer.

  [[nodiscard]] std::uint64_t tail() const noexcept {
    return tail_.load(std::memory_order_relaxed);
  }
  /// Up to where the consumer has read: all before may be written over.
  [[nodiscard]] std::uint64_t read() const noexcept {
    return head_.load(std::memory_order_acquire);
  }
  /// All before `tail` is written.
  void publish(std::uint64_t tail) noexcept { tail_.store(tail, std::memory_order_release); }
  /// Not part of publish(), because it waits until every store before it is done, and a queue's
  /// stores go into memory that is in no cache: a producer calls it once for many pushes.
  void announce() noexcept { tail_.fetch_add(0, std::memory_order_seq_cst); }

  // Consumer.

  [[nodiscard]] std::uint64_t head() const noexcept {
    return head_.load(std::memory_order_relaxed);
  }
  /// Up to where the producer has written.
  [[nodiscard]] std::uint64_t written() const noexcept {
    return tail_.load(std::memory_order_seq_cst);
  }
  /// All before `head` has been read.
  void release(std::uint64_t head) noexcept { head_.store(head, std::memory_order_release); }

  // Any thread; the two sides go on meanwhile.

  [[nodiscard]] std::uint64_t pushed() const noexcept { return written(); }
  [[nodiscard]] std::uint64_t popped() const noexcept {
    return head_.load(std::memory_order_seq_cst);
  }

 private:
  // On cache lines of their own: each is written by one side and read by the other.
  alignas(64) std::atomic<std::uint64_t> head_{0};
  alignas(64) std::atomic<std::uint64_t> tail_{0};
};

/// Of values that are all of one size.
template <class T>
class spsc_queue {
 public:
  /// Capacity is rounded up to a power of two. Throws std::bad_alloc.
  explicit spsc_queue(std::size_t slots)
      : capacity_(std::bit_ceil(slots)), slots_(new T[capacity_]) {}

  [[nodiscard]] std::size_t capacity() const noexcept { return capacity_; }

  /// Producer: false where `most` values wait already.
  [[nodiscard]] bool push(const T& value, std::size_t most) noexcept {
    const std::uint64_t tail = indices_.tail();
    if (tail - indices_.read() >= most) return false;
    slots_[static_cast<std::size_t>(tail) & (capacity_ - 1)] = value;
    indices_.publish(tail + 1);
    return true;
  }
  /// Producer: false where there is no room.
  [[nodiscard]] bool push(const T& value) noexcept { return push(value, capacity_); }
  /// Producer: see spsc_indices.
  void announce() noexcept { indices_.announce(); }

  /// Consumer: the oldest value; false where there is none.
  [[nodiscard]] bool pop(T& out) noexcept {
    const std::uint64_t head = indices_.head();
    if (head == indices_.written()) return false;
    out = slots_[static_cast<std::size_t>(head) & (capacity_ - 1)];
    indices_.release(head + 1);
    return true;
  }
  /// Consumer.
  [[nodiscard]] bool empty() const noexcept { return indices_.head() == indices_.written(); }

 private:
  const std::size_t capacity_;
  const std::unique_ptr<T[]> slots_;
  spsc_indices indices_;
};

}  // namespace tcpinfo::collect

#endif
