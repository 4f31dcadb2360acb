// SPDX-License-Identifier: Apache-2.0
//
// From the sampler to one writer: a bounded queue of snapshots that never blocks. One producer
// thread, one consumer thread. Full means "no": the sampler keeps what it has and goes on.
#ifndef TCPINFO_COLLECT_WRITING_RING_H
#define TCPINFO_COLLECT_WRITING_RING_H

#include <tcpinfo/inetdiag.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstdint>
#include <memory>
#include <new>

namespace tcpinfo::collect {

enum class snapshot_kind : std::uint8_t {
  data = 0,   ///< a message seen in a poll
  moved = 1,  ///< the same of a socket that was disconnected and used again
  final = 2,  ///< a destroy event's message: the last of its cookie
  gone = 3,   ///< the connection has ended without one: no message
  moved_final =
      4,  ///< a destroy event's message of a socket that was used again since the last one
};

/// What goes through the ring, followed by the message's bytes.
struct snapshot_header {
  std::uint32_t size = 0;  ///< of the message
  snapshot_kind kind = snapshot_kind::data;
  /// 1 where the connection may be older than its first snapshot, as in a sampler's first poll:
  /// what it did before is not known.
  std::uint8_t may_be_old = 0;
  std::uint16_t prefix = 0;  ///< number of the UUID prefix in force (uuid_prefixes)
  std::uint64_t cookie = 0;
  std::uint64_t poll = 0;    ///< or no_poll
  std::int64_t time_ns = 0;  ///< since 1970
  /// When the connection began to open, since 1970, in its first snapshot where an event told; else
  /// 0.
  std::int64_t opened_ns = 0;
  /// When the connection ended, since 1970, in its final snapshot where that is known; else 0.
  std::int64_t ended_ns = 0;
  /// Number of the network namespace (netns_registry).
  std::uint32_t netns = 0;
  std::uint32_t carried = 0;  ///< as flow_update::carried
};

class snapshot_ring {
 public:
  /// Capacity is rounded up to a power of two. Throws std::bad_alloc.
  explicit snapshot_ring(std::size_t bytes)
      : capacity_(std::bit_ceil(bytes)), bytes_(new std::byte[capacity_]) {}

  /// Producer: false when there is no room.
  [[nodiscard]] bool push(const snapshot_header& header, bytes_view message) noexcept {
    const std::size_t need = padded(sizeof header + message.size());
    std::uint64_t tail = tail_.load(std::memory_order_relaxed);
    const std::uint64_t read_to = head_.load(std::memory_order_acquire);
    std::size_t at = static_cast<std::size_t>(tail) & (capacity_ - 1);
    // Nothing waits: begin at the front again. So no more of the ring takes memory than has waited
    // at a time, and what is written and read stays in a cache.
    if (read_to == tail && at >= restart_at) {
      tail += capacity_ - at;
      at = 0;
      begun_.store(tail, std::memory_order_release);
    }
    const std::uint64_t begun = begun_.load(std::memory_order_relaxed);
    const std::uint64_t head = begun > read_to ? begun : read_to;
    const std::size_t to_end = capacity_ - at;
    // A snapshot lies in one piece: what does not fit before the end starts at the front, too.
    const std::size_t skip = to_end < need ? to_end : 0;
    if (need > capacity_ || tail + skip + need - head > capacity_) return false;
    if (skip > 0) {
      std::memcpy(bytes_.get() + at, &skip_mark, sizeof skip_mark);
      at = 0;
    }
    snapshot_header stored = header;
    stored.size = static_cast<std::uint32_t>(message.size());
    std::memcpy(bytes_.get() + at, &stored, sizeof stored);
    if (!message.empty())
      std::memcpy(bytes_.get() + at + sizeof stored, message.data(), message.size());
    tail_.store(tail + skip + need, std::memory_order_release);
    return true;
  }
  /// Producer: a consumer that goes to sleep after this sees what was pushed before it, or has been
  /// seen to sleep. Not part of push(), for it waits until every store before it is done, and what
  /// was pushed are stores into memory that is in no cache.
  void announce() noexcept { tail_.fetch_add(0, std::memory_order_seq_cst); }

  /// Consumer: the oldest snapshot, valid until pop(); false when there is none.
  [[nodiscard]] bool front(snapshot_header& header, bytes_view& message) noexcept {
    std::uint64_t head = head_.load(std::memory_order_relaxed);
    for (;;) {
      if (head == tail_.load(std::memory_order_seq_cst)) return false;
      // Stored before the tail that was just read.
      if (const std::uint64_t begun = begun_.load(std::memory_order_acquire); begun > head) {
        head = begun;
        head_.store(head, std::memory_order_release);
      }
      const std::size_t at = static_cast<std::size_t>(head) & (capacity_ - 1);
      std::uint32_t size = 0;
      std::memcpy(&size, bytes_.get() + at, sizeof size);
      if (size == skip_mark) {
        head += capacity_ - at;
        head_.store(head, std::memory_order_release);
        continue;
      }
      std::memcpy(&header, bytes_.get() + at, sizeof header);
      message = bytes_view(bytes_.get() + at + sizeof header, header.size);
      return true;
    }
  }
  /// Consumer: gives up what front() showed.
  void pop(const snapshot_header& header) noexcept {
    const std::uint64_t head = head_.load(std::memory_order_relaxed);
    head_.store(head + padded(sizeof header + header.size), std::memory_order_release);
  }

  /// Of what waits. Any thread; both sides may have moved on.
  [[nodiscard]] std::size_t used_bytes() const noexcept {
    for (;;) {
      const std::uint64_t begun = begun_.load(std::memory_order_seq_cst);
      const std::uint64_t from = std::max(begun, head_.load(std::memory_order_seq_cst));
      const std::uint64_t to = tail_.load(std::memory_order_seq_cst);
      // Begun anew meanwhile: what was jumped over would count.
      if (begun != begun_.load(std::memory_order_seq_cst)) continue;
      // It is begun anew before its first snapshot is in it: then `from` is beyond `to`.
      return static_cast<std::size_t>(to - std::min(from, to));
    }
  }
  [[nodiscard]] std::size_t capacity_bytes() const noexcept { return capacity_; }
  /// What was pushed and popped since the start. Any thread.
  [[nodiscard]] std::uint64_t pushed_bytes() const noexcept {
    return tail_.load(std::memory_order_seq_cst);
  }
  [[nodiscard]] std::uint64_t popped_bytes() const noexcept {
    return head_.load(std::memory_order_seq_cst);
  }

 private:
  static constexpr std::uint32_t skip_mark = ~std::uint32_t{0};
  // To begin anew costs both sides a jump: not for each snapshot of a quiet machine.
  static constexpr std::size_t restart_at = std::size_t{128} << 10;
  // Multiples of 8 keep headers aligned and leave room for the mark before the end.
  static constexpr std::size_t padded(std::size_t n) noexcept { return (n + 7) & ~std::size_t{7}; }

  const std::size_t capacity_;
  const std::unique_ptr<std::byte[]> bytes_;
  // On cache lines of their own: each is written by one side and read by the other.
  alignas(64) std::atomic<std::uint64_t> head_{0};
  alignas(64) std::atomic<std::uint64_t> tail_{0};
  // Where it was begun anew last: what lies before has been read, and the head jumps to it.
  std::atomic<std::uint64_t> begun_{0};
};

}  // namespace tcpinfo::collect

#endif
