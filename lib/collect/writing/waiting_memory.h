// SPDX-License-Identifier: Apache-2.0
//
// The memory of a writer's snapshots that wait: how much there is, how much there may be, and when
// the allocator is told to give back what was freed.
#ifndef TCPINFO_COLLECT_WRITING_WAITING_MEMORY_H
#define TCPINFO_COLLECT_WRITING_WAITING_MEMORY_H

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "collect/telemetry/statistics.h"

namespace tcpinfo::collect {

/// The writer's thread, but for published() and limit(): any thread.
class waiting_memory {
 public:
  /// `most`: bytes that may wait. Taken off is what the writer's queue takes beyond `queue_kept`,
  /// what summaries take, and the memory of closed connections' cookies (counts), an equal share by
  /// each of `writers`. `counts` outlives it.
  waiting_memory(std::size_t most, std::size_t queue_kept, const statistics& counts,
                 unsigned writers) noexcept
      : most_(most), queue_kept_(queue_kept), counts_(counts), writers_(writers) {}

  /// One connection's waiting snapshots took `before` bytes, and take `after`.
  void change(std::size_t before, std::size_t after) noexcept { now_ = now_ - before + after; }
  [[nodiscard]] std::size_t now() const noexcept { return now_; }
  [[nodiscard]] std::size_t limit() const noexcept;
  /// What the queue takes of memory now.
  void queue_takes(std::size_t bytes) noexcept { queue_.store(bytes, std::memory_order_relaxed); }

  /// One connection's summary took `before` bytes, and takes `after`.
  void change_summary(std::size_t before, std::size_t after) noexcept {
    const std::size_t now = summaries_.load(std::memory_order_relaxed);
    summaries_.store(now - before + after, std::memory_order_relaxed);
  }
  /// Whether they take more than they may: a quarter of all.
  [[nodiscard]] bool too_many_summaries() const noexcept {
    return summaries_.load(std::memory_order_relaxed) > most_ / 4;
  }

  /// Tells other threads; now and then.
  void publish() noexcept { published_.store(now_, std::memory_order_relaxed); }
  [[nodiscard]] std::size_t published() const noexcept {
    return published_.load(std::memory_order_relaxed);
  }

  /// After the first record of very many connections, or a burst, the allocator keeps more than is
  /// needed later: tells it to give that back, at most once a minute.
  void give_back(std::int64_t now_ns) noexcept;

 private:
  const std::size_t most_;
  const std::size_t queue_kept_;
  const statistics& counts_;
  const unsigned writers_;
  std::size_t now_ = 0;
  std::size_t peak_ = 0;  // since memory was given back
  std::int64_t given_back_ns_ = 0;
  std::atomic<std::size_t> queue_{0};
  std::atomic<std::size_t> summaries_{0};
  std::atomic<std::size_t> published_{0};
};

}  // namespace tcpinfo::collect

#endif
