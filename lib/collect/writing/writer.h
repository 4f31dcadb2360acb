// SPDX-License-Identifier: Apache-2.0
//
// A writer thread: takes snapshots from its queue, owns the flow logs of its connections, and
// decides when each is written: when a frame is full, when the oldest snapshot has waited long
// enough, when memory runs short, and at the end.
#ifndef TCPINFO_COLLECT_WRITING_WRITER_H
#define TCPINFO_COLLECT_WRITING_WRITER_H

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory_resource>
#include <mutex>
#include <system_error>
#include <thread>

#include "collect/config.h"
#include "collect/writing/archive_writer.h"
#include "collect/writing/ended_flows.h"
#include "collect/writing/record_observer.h"
#include "collect/writing/snapshot_queue.h"
#include "collect/writing/waiting_memory.h"
#include "collect/writing/wake_policy.h"
#include "collect/writing/write_schedule.h"
#include "collect/writing/written_flows.h"

namespace tcpinfo::collect {

class writer {
 public:
  /// `waiting_bytes`: the most that snapshots may occupy while they wait.
  writer(const writer_context& context, std::size_t queue_bytes, std::size_t waiting_bytes)
      : context_(context),
        queue_(queue_bytes),
        archives_(context),
        observer_(context.seen),
        memory_(waiting_bytes, context.counts, context.writers),
        schedule_(flows_, context.settings.flush_ns - wake_pause_ns(context.settings)) {}
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
  /// Bytes of the snapshots that wait to be written, and of those that may. Any thread.
  [[nodiscard]] std::size_t waiting_bytes() const noexcept { return memory_.published(); }
  [[nodiscard]] std::size_t waiting_limit() const noexcept { return memory_.limit(); }
  /// There is something in the queue. Cheap where the writer is awake.
  void wake() noexcept;
  /// Writes all there is, hands every file over to the finalizer, and ends the thread.
  void finish();

 private:
  void run();
  [[nodiscard]] bool turn();
  template <class F>
  [[nodiscard]] bool without_memory_failing(F&& deed);
  void drain();
  void take(const snapshot_header& header, bytes_view message, std::int64_t now_ns);
  [[nodiscard]] written_flow& flow_of(const snapshot_header& header, std::int64_t now_ns);
  [[nodiscard]] bool write_portion(std::int64_t now_ns);
  [[nodiscard]] flow_log* write(flow_log& flow, std::int64_t now_ns);
  void keep_budget(std::int64_t now_ns);
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
  waiting_memory memory_;
  // Connections stay and snapshots go: with memory of their own the former do not keep what the
  // latter leave from being given back.
  std::pmr::unsynchronized_pool_resource flow_memory_;
  written_flows flows_{&flow_memory_};
  write_schedule schedule_;
  ended_flows former_;
  std::int64_t budget_retry_ns_ = 0;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::atomic<bool> sleeping_{false};
  std::atomic<bool> finishing_{false};
  std::thread thread_;
};

}  // namespace tcpinfo::collect

#endif
