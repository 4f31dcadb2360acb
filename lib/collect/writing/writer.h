// SPDX-License-Identifier: Apache-2.0
//
// A writer thread: takes snapshots from its queue, owns the flow logs of its connections, and
// decides when each is written: when a frame is full, when the oldest snapshot has waited long
// enough, when memory runs short, and at the end.
#ifndef TCPINFO_COLLECT_WRITING_WRITER_H
#define TCPINFO_COLLECT_WRITING_WRITER_H

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory_resource>
#include <mutex>
#include <thread>
#include <unordered_map>

#include "collect/config.h"
#include "collect/writing/archive_writer.h"
#include "collect/writing/record_observer.h"
#include "collect/writing/snapshot_queue.h"
#include "collect/writing/wake_policy.h"

namespace tcpinfo::collect {

class writer {
 public:
  /// `waiting_bytes`: the most that snapshots may occupy while they wait.
  writer(const writer_context& context, std::size_t queue_bytes, std::size_t waiting_bytes)
      : context_(context),
        queue_(queue_bytes),
        archives_(context),
        observer_(context.seen),
        budget_(waiting_bytes),
        hold_ns_(context.settings.flush_ns - wake_pause_ns(context.settings)) {}
  ~writer() { finish(); }
  writer(const writer&) = delete;
  writer& operator=(const writer&) = delete;

  [[nodiscard]] std::error_code start();
  /// The samplers' end, any thread: puts a snapshot into the queue. False where there is no room.
  [[nodiscard]] bool push(const snapshot_header& header, bytes_view message) noexcept {
    std::unique_lock lock(pushing_, std::defer_lock);
    if (!context_.settings.netns.empty()) lock.lock();  // there is more than one sampler
    return queue_.push(header, message);
  }
  [[nodiscard]] const snapshot_queue& queue() const noexcept { return queue_; }
  /// What waits to be written; any thread.
  [[nodiscard]] std::size_t waiting_bytes() const noexcept {
    return waiting_bytes_.load(std::memory_order_relaxed);
  }
  /// What is remembered of closed connections is taken off.
  [[nodiscard]] std::size_t waiting_limit() const noexcept {
    const auto bytes = context_.counts.tombstone_bytes.load(std::memory_order_relaxed);
    const auto share =
        static_cast<std::size_t>(std::max<std::int64_t>(0, bytes)) / context_.writers;
    return budget_ - std::min(share, budget_ / 4);
  }
  /// There is something in the queue. Cheap where the writer is awake.
  void wake() noexcept;
  /// Writes all there is, hands every file over for completion, and ends the thread.
  void finish();

 private:
  struct due {
    std::uint64_t cookie;
    std::int64_t at_ns;  // as flow_log::due_ns, or it is stale
  };
  using due_queue = std::deque<due>;
  /// Where a connection goes on whose socket may come back (snapshot_kind::ended_unseen).
  struct next_file {
    std::uint64_t sequence;
    timestamp first_seen;
    timestamp opened;
    std::uint16_t prefix;
    std::uint64_t number;  // in the order of their going
  };

  void run();
  [[nodiscard]] bool turn();
  template <class F>
  [[nodiscard]] bool without_memory_failing(F&& deed);
  void drain();
  void take(const snapshot_header& header, bytes_view message, std::int64_t now_ns);
  [[nodiscard]] flow_log& flow_of(const snapshot_header& header, std::int64_t now_ns);
  void remember_gone(const flow_log& flow);
  void make_ready(flow_log& flow);
  void add_due(due_queue& queue, flow_log& flow, std::int64_t at_ns) noexcept;
  void renew_due();
  [[nodiscard]] bool write_portion(std::int64_t now_ns);
  [[nodiscard]] flow_log* next_to_write(std::int64_t now_ns);
  [[nodiscard]] flow_log* next_due(due_queue& queue, std::int64_t now_ns);
  [[nodiscard]] flow_log* oldest();
  [[nodiscard]] flow_log* write(flow_log& flow, std::int64_t now_ns);
  void keep_budget(std::int64_t now_ns);
  void give_back_memory(std::int64_t now_ns) noexcept;
  void wait(std::int64_t now_ns);
  void finish_all();
  /// Runs `deed` on the flow, keeping the account of memory and of what is due.
  template <class F>
  bool with_account(flow_log& flow, std::int64_t now_ns, F&& deed);

  const writer_context& context_;
  std::mutex pushing_;  // the queue has room for one producer at a time
  snapshot_queue queue_;
  archive_writer archives_;
  record_observer observer_;
  const std::size_t budget_;
  const std::int64_t hold_ns_;  // what was taken from the queue, until it has to be written
  // Connections stay and snapshots go: with memory of their own the former do not keep what the
  // latter leave from being given back.
  std::pmr::unsynchronized_pool_resource flow_memory_;
  std::pmr::unordered_map<std::uint64_t, flow_log> flows_{&flow_memory_};
  std::unordered_map<std::uint64_t, next_file> gone_;
  struct gone_flow {
    std::uint64_t cookie;
    std::uint64_t number;
  };
  std::deque<gone_flow> gone_order_;  // those that have come back are stale
  std::uint64_t gone_number_ = 0;
  std::deque<std::uint64_t> ready_;  // full frames and ended connections
  // Soonest first; entries of flows written since are stale.
  due_queue due_;      // by the age of what waits
  due_queue retries_;  // after a failed write
  bool due_is_whole_ = true;
  std::int64_t budget_retry_ns_ = 0;
  std::size_t waiting_now_ = 0;   // capacity of all waiting buffers
  std::size_t waiting_most_ = 0;  // since memory was given back
  std::int64_t given_back_ns_ = 0;
  std::atomic<std::size_t> waiting_bytes_{0};  // the same, for other threads, now and then

  std::mutex mutex_;
  std::condition_variable changed_;
  std::atomic<bool> sleeping_{false};
  std::atomic<bool> finishing_{false};
  std::thread thread_;
};

}  // namespace tcpinfo::collect

#endif
