// SPDX-License-Identifier: Apache-2.0
//
// What the collector does, cannot do and loses, counted for the summary at the end and the metrics.
// What it sees of connections and polls is in `observations`. Each counter is written by any thread
// and read by any.
#ifndef TCPINFO_COLLECT_TELEMETRY_STATISTICS_H
#define TCPINFO_COLLECT_TELEMETRY_STATISTICS_H

#include <array>
#include <atomic>
#include <cstdint>
#include <string>
#include <system_error>

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

/// Why a write failed, as far as an operator would act on it differently.
enum class write_fault {
  no_space,     ///< the disk or a quota is full, or a file too large
  read_only,    ///< the file system or its permissions
  descriptors,  ///< the process or the system has no more
  io,           ///< the device
  memory,
  other,
};
inline constexpr std::size_t write_faults = 6;

[[nodiscard]] write_fault write_fault_of(const std::error_code& ec) noexcept;

class write_fault_counters {
 public:
  void add(const std::error_code& ec) noexcept {
    counts_[static_cast<std::size_t>(write_fault_of(ec))].add();
  }
  [[nodiscard]] std::uint64_t get() const noexcept {
    std::uint64_t sum = 0;
    for (const counter& c : counts_) sum += c.get();
    return sum;
  }
  [[nodiscard]] const counter& of(write_fault what) const noexcept {
    return counts_[static_cast<std::size_t>(what)];
  }

 private:
  std::array<counter, write_faults> counts_;
};

struct statistics {
  // Sampling.
  counter polls;
  counter missed_ticks;
  counter idle_ticks;        ///< that needed no poll, because nothing happened
  counter budget_ticks;      ///< polls left out to keep the processor budget
  counter complete_polls;    ///< polls that looked at every socket
  counter active_sockets;    ///< told by the activity feed
  counter dropped_activity;  ///< active sockets that found no room in the feed; a dump followed
  counter missed_activity;   ///< events that the BPF program may not have seen
  counter queries;           ///< sockets queried, active ones and the reconciler's
  counter reconciled;        ///< dumps of the reconciler
  counter missed_changes;    ///< found by the reconciler (tcpinfo_unannounced_changes_total)
  std::atomic<std::int64_t> netns_by_events{0};  ///< of those sampled
  counter sockets_seen;                          ///< messages of dumps and queries
  counter destroy_events;                        ///< of connections, recorded or known
  counter connections;                           ///< opened in the flow table
  counter cleared_finals;  ///< destroy events whose totals the kernel had cleared (aborted here)
  counter ended_unseen;    ///< ended without a destroy event, by absence and a point query
  counter detached;        ///< of them those whose socket somebody still holds, as far as is known
  counter detached_forgotten;  ///< of these, too many to remember until their destroy event
  std::atomic<std::int64_t> detached_now{0};  ///< whose destroy event is still to come
  counter clock_steps;                        ///< times the wall clock was stepped
  counter suspends;                           ///< times the machine slept
  counter reloads;                            ///< that changed the prefix or the exclusions
  // Left out by policy. Records are changes that would have been some.
  counter sample_connections;  ///< that --sample did not choose
  counter sample_records;
  counter thin_records;
  counter finals_only_connections;  ///< recorded with their final record alone
  counter finals_only_records;
  counter netns_faults;  ///< network namespaces that were not to be found or entered
  std::atomic<std::int64_t> netns_sampled{0};    ///< network namespaces now, its own included
  std::atomic<std::int64_t> netns_unheard{0};    ///< of those sampled, where no ends are told
  std::atomic<std::int64_t> tombstone_bytes{0};  ///< memory of remembered cookies, of all samplers
  counter tombstones_dropped;  ///< of closed connections, forgotten before their time
  counter summaries_left_out;  ///< of connections in a segment, because memory ran short
  counter dropped_log_lines;   ///< that nobody read in time; set at the end
  // Writing.
  counter records;        ///< data records in files
  counter bytes_written;  ///< appended to files, as compressed
  counter frames;
  counter files_created;
  counter files_finalized;
  counter leftovers_finalized;
  counter not_rewritten;              ///< kept in small frames or blocks
  counter set_aside;                  ///< damaged leftovers, kept under another name
  write_fault_counters write_errors;  ///< a write that failed is tried again
  counter early_flushes;  ///< buffers written before their time because memory ran short
  // Retention: complete archives removed as the operator said.
  counter retention_files_age;
  counter retention_bytes_age;  ///< allocated
  counter retention_files_disk;
  counter retention_bytes_disk;
  counter retention_files_unsent;  ///< of those for the disk, not acknowledged by all targets
  counter retention_faults;        ///< files and folders that could not be removed
  std::atomic<std::int64_t> output_allocated{0};  ///< bytes below the output directory
  // Damage in what the kernel sent; the message is kept as far as it can be read.
  counter duplicate_attributes;
  counter unread_bytes;
  // Losses: something that should be in a file and never will be.
  counter failed_polls;  ///< polls that did not show every connection
  counter lost_queue;    ///< lost_ring: snapshots that a full queue refused (a next poll has them)
  counter lost_events;   ///< times the kernel dropped destroy events (ENOBUFS)
  counter lost_finals;   ///< connections whose destroy event was lost in an overflow, maybe
  counter lost_backlog;  ///< destroy events that waited for a full queue until memory ended
  counter lost_write;    ///< records given up after a file could not be written
  counter lost_files;  ///< files that could not be finalized (their .part stays) or were taken away
};

/// The distribution of a duration, to about 2 % of its value, in constant memory. One thread.
class duration_histogram {
 public:
  void add(std::int64_t ns) noexcept;
  void add(const duration_histogram& other) noexcept;
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
