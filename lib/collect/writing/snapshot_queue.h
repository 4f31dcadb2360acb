// SPDX-License-Identifier: Apache-2.0
//
// From the samplers to one writer: a bounded queue of snapshots. Where it is full the sampler keeps
// what it has and goes on.
#ifndef TCPINFO_COLLECT_WRITING_SNAPSHOT_QUEUE_H
#define TCPINFO_COLLECT_WRITING_SNAPSHOT_QUEUE_H

#include <tcpinfo/inetdiag.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstdint>
#include <cstring>
#include <limits>

#include "collect/os/reserved_memory.h"
#include "collect/writing/snapshot_header.h"
#include "collect/writing/spsc_queue.h"

namespace tcpinfo::collect {

/// Its indices count bytes.
class snapshot_queue {
 public:
  /// Capacity is rounded up to a power of two. Memory is taken only when as much waits; what is
  /// beyond `kept` bytes is given back when so much has not been needed for long. Throws
  /// std::bad_alloc.
  explicit snapshot_queue(std::size_t bytes,
                          std::size_t kept = std::numeric_limits<std::size_t>::max())
      : capacity_(std::bit_ceil(bytes)), kept_(std::min(kept, capacity_)), bytes_(capacity_) {}

  /// Producer: false when there is no room.
  [[nodiscard]] bool push(const snapshot_header& header, bytes_view message) noexcept {
    const std::size_t need = padded(sizeof header + message.size());
    std::uint64_t tail = indices_.tail();
    const std::uint64_t read = indices_.read();
    std::size_t at = static_cast<std::size_t>(tail) & (capacity_ - 1);
    // Nothing waits: begin at the front again. So the queue takes no more memory than what has
    // waited at a time, and its snapshots stay in a cache.
    if (read == tail && at >= restart_at) {
      tail += capacity_ - at;
      at = 0;
      begun_.store(tail, std::memory_order_release);
      begin_at_front();
    }
    const std::uint64_t begun = begun_.load(std::memory_order_relaxed);
    const std::uint64_t head = begun > read ? begun : read;
    const std::size_t to_end = capacity_ - at;
    // A snapshot lies in one piece: one that does not fit before the end starts at the front, too.
    const std::size_t skip = to_end < need ? to_end : 0;
    if (need > capacity_ || tail + skip + need - head > capacity_) return false;
    if (skip > 0) {
      note_use(at + sizeof skip_to_front);
      std::memcpy(bytes_.get() + at, &skip_to_front, sizeof skip_to_front);
      at = 0;
    }
    note_use(at + need);
    snapshot_header stored = header;
    stored.size = static_cast<std::uint32_t>(message.size());
    std::memcpy(bytes_.get() + at, &stored, sizeof stored);
    if (!message.empty())
      std::memcpy(bytes_.get() + at + sizeof stored, message.data(), message.size());
    indices_.publish(tail + skip + need);
    return true;
  }
  /// Producer: see spsc_indices.
  void announce() noexcept { indices_.announce(); }

  /// Consumer: the oldest snapshot, valid until pop(); false when there is none.
  [[nodiscard]] bool front(snapshot_header& header, bytes_view& message) noexcept {
    std::uint64_t head = indices_.head();
    for (;;) {
      if (head == indices_.written()) return false;
      // Stored before the tail that was just read.
      if (const std::uint64_t begun = begun_.load(std::memory_order_acquire); begun > head) {
        head = begun;
        indices_.release(head);
      }
      const std::size_t at = static_cast<std::size_t>(head) & (capacity_ - 1);
      std::uint32_t size = 0;
      std::memcpy(&size, bytes_.get() + at, sizeof size);
      if (size == skip_to_front) {
        head += capacity_ - at;
        indices_.release(head);
        continue;
      }
      std::memcpy(&header, bytes_.get() + at, sizeof header);
      message = bytes_view(bytes_.get() + at + sizeof header, header.size);
      return true;
    }
  }
  /// Consumer: gives up what front() showed.
  void pop(const snapshot_header& header) noexcept {
    indices_.release(indices_.head() + padded(sizeof header + header.size));
  }

  /// Bytes of the snapshots that wait. Any thread; both sides may have gone on.
  [[nodiscard]] std::size_t used_bytes() const noexcept {
    for (;;) {
      const std::uint64_t begun = begun_.load(std::memory_order_seq_cst);
      const std::uint64_t from = std::max(begun, indices_.popped());
      const std::uint64_t to = indices_.pushed();
      // Begun anew meanwhile: the bytes that were jumped over would count.
      if (begun != begun_.load(std::memory_order_seq_cst)) continue;
      // It is begun anew before its first snapshot is in it: then `from` is beyond `to`.
      return static_cast<std::size_t>(to - std::min(from, to));
    }
  }
  [[nodiscard]] std::size_t capacity_bytes() const noexcept { return capacity_; }
  /// Of memory that it takes, about. Any thread.
  [[nodiscard]] std::size_t memory_bytes() const noexcept {
    return memory_.load(std::memory_order_relaxed);
  }
  /// Since the start. Any thread.
  [[nodiscard]] std::uint64_t pushed_bytes() const noexcept { return indices_.pushed(); }
  [[nodiscard]] std::uint64_t popped_bytes() const noexcept { return indices_.popped(); }

 private:
  // In place of a size: the next snapshot is at the front.
  static constexpr std::uint32_t skip_to_front = ~std::uint32_t{0};
  // To begin anew costs both sides a jump: not for each snapshot of a quiet machine.
  static constexpr std::size_t restart_at = std::size_t{128} << 10;
  // Multiples of 8 keep headers aligned and leave room for skip_to_front before the end.
  static constexpr std::size_t padded(std::size_t n) noexcept { return (n + 7) & ~std::size_t{7}; }

  // Memory goes back when it has begun at the front so often without needing it: to take it again
  // costs the producer a fault for each page.
  static constexpr int quiet_beginnings = 1024;

  // Producer: it has written up to there.
  void note_use(std::size_t end) noexcept {
    if (end <= used_end_) return;
    used_end_ = end;
    if (end > memory_.load(std::memory_order_relaxed))
      memory_.store(end, std::memory_order_relaxed);
  }
  // Producer, where nothing waits.
  void begin_at_front() noexcept {
    quiet_ = used_end_ > kept_ ? 0 : quiet_ + 1;
    used_end_ = 0;
    if (quiet_ < quiet_beginnings || memory_.load(std::memory_order_relaxed) <= kept_) return;
    bytes_.give_back(kept_);
    memory_.store(kept_, std::memory_order_relaxed);
  }

  const std::size_t capacity_;
  const std::size_t kept_;
  reserved_memory bytes_;
  // Where it was begun anew last: all that lies before has been read, and the head jumps to it.
  // On the cache line of members that both sides only read, because it is written rarely.
  std::atomic<std::uint64_t> begun_{0};
  std::atomic<std::size_t> memory_{0};  // up to where it was written to
  spsc_indices indices_;
  // The producer's.
  alignas(64) std::size_t used_end_ = 0;  // the same, since it began at the front
  int quiet_ = 0;                         // how often it did without needing more than is kept
};

}  // namespace tcpinfo::collect

#endif
