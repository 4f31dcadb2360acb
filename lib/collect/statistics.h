// SPDX-License-Identifier: Apache-2.0
//
// What the collector counts. Each counter is written by any thread and read by any.
#ifndef TCPINFO_COLLECT_STATISTICS_H
#define TCPINFO_COLLECT_STATISTICS_H

#include <array>
#include <atomic>
#include <cstdint>
#include <string>

namespace tcpinfo::collect {

class counter {
 public:
  void add(std::uint64_t n = 1) noexcept { value_.fetch_add(n, std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t get() const noexcept {
    return value_.load(std::memory_order_relaxed);
  }

 private:
  std::atomic<std::uint64_t> value_{0};
};

struct statistics {
  // Sampling.
  counter polls;
  counter missed_ticks;
  counter sockets_seen;    ///< messages of dumps and queries
  counter destroy_events;  ///< of connections, recorded or known
  counter connections;     ///< opened in the flow table
  counter cleared_finals;  ///< destroy events whose totals the kernel had cleared (aborted here)
  counter ended_unseen;    ///< ended without a destroy event, by absence and a point query
  // Writing.
  counter records;        ///< data records in files
  counter bytes_written;  ///< appended to files, as compressed
  counter frames;
  counter files_created;
  counter files_completed;
  counter leftovers_completed;
  counter set_aside;     ///< damaged leftovers, kept under another name
  counter write_errors;  ///< a write that failed is tried again
  // Damage in what the kernel sent; the message is kept as far as it can be read.
  counter duplicate_attributes;
  counter unread_bytes;
  // Losses: something that should be in a file and never will be.
  counter failed_polls;  ///< polls that did not show every connection
  counter lost_ring;     ///< snapshots a full ring refused (the next poll shows the flow again)
  counter lost_events;   ///< times the kernel dropped destroy events (ENOBUFS)
  counter lost_finals;   ///< connections whose last record is not their final one
  counter lost_backlog;  ///< destroy events that waited for a full ring until memory ended
  counter lost_write;    ///< records given up after a file could not be written
  counter lost_files;    ///< files that could not be completed (their .part stays)
};

/// The distribution of a duration, to about 2 % of its value, in constant memory. One thread.
class duration_histogram {
 public:
  void add(std::int64_t ns) noexcept;
  /// The duration in nanoseconds that a share `q` (0..1) of those added does not exceed; 0 if none.
  [[nodiscard]] std::int64_t quantile(double q) const noexcept;
  [[nodiscard]] std::int64_t max() const noexcept { return max_; }
  [[nodiscard]] std::uint64_t count() const noexcept { return count_; }

 private:
  // 32 steps for each power of two of microseconds, up to 2^32 us.
  static constexpr int steps = 32;
  static constexpr int powers = 32;
  static int bucket_of(std::int64_t ns) noexcept;

  std::array<std::uint64_t, steps * powers> buckets_{};
  std::uint64_t count_ = 0;
  std::int64_t max_ = 0;
};

/// Everything that was lost, in all.
[[nodiscard]] std::uint64_t total_losses(const statistics& s) noexcept;

/// The one line printed at the end, without program name: "summary: polls=… … losses=0".
[[nodiscard]] std::string summary_line(const statistics& s, const duration_histogram& intervals);

}  // namespace tcpinfo::collect

#endif
