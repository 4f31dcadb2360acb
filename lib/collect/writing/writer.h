// SPDX-License-Identifier: Apache-2.0
//
// A writer thread: takes snapshots from its queue and gives them to the layout that is recorded in,
// which it also lets write: what is due, what memory has no room for, and all at the end.
#ifndef TCPINFO_COLLECT_WRITING_WRITER_H
#define TCPINFO_COLLECT_WRITING_WRITER_H

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

#include "collect/config.h"
#include "collect/writing/memory_shares.h"
#include "collect/writing/question.h"
#include "collect/writing/record_observer.h"
#include "collect/writing/record_sink.h"
#include "collect/writing/snapshot_queue.h"
#include "collect/writing/traffic_observer.h"
#include "collect/writing/waiting_memory.h"
#include "collect/writing/writer_context.h"

namespace tcpinfo::collect {

class writer {
 public:
  /// `memory`: that it may take. `number`: of the writer, from 0. Throws std::bad_alloc.
  writer(const writer_context& context, const memory_shares& memory, unsigned number = 0)
      : context_(context),
        queue_(memory.queue, memory.queue_kept),
        traffic_(context.traffic != nullptr
                     ? std::make_unique<traffic_observer>(*context.traffic, context.prefixes,
                                                          names_of_cgroups(*context.traffic))
                     : nullptr),
        observer_(context.seen, traffic_.get()),
        memory_(memory.waiting, memory.queue_kept, context.counts, context.writers),
        records_(make_record_sink({context, observer_, memory_, number})) {}
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
  /// Somebody asks: the writer answers when it has taken what is in its queue. Any thread. Throws
  /// std::bad_alloc.
  void ask(std::shared_ptr<question> asked);
  /// Writes all there is, hands every file over to the finalizer, and ends the thread.
  void finish();

 private:
  void run();
  [[nodiscard]] bool turn();
  template <class F>
  [[nodiscard]] bool without_memory_failing(F&& deed);
  void drain();
  void answer_questions();
  void wait(std::int64_t now_ns);

  const writer_context& context_;
  std::mutex pushing_;  // the queue has room for one producer at a time
  snapshot_queue queue_;
  const std::unique_ptr<traffic_observer> traffic_;  // null: not wanted
  record_observer observer_;
  waiting_memory memory_;
  const std::unique_ptr<record_sink> records_;

  std::mutex mutex_;
  std::condition_variable changed_;
  // Not mutex_, which samplers take: who asks has the lowest priority.
  std::mutex asking_;
  std::vector<std::shared_ptr<question>> asked_;  // under asking_
  std::atomic<bool> is_asked_{false};
  std::atomic<bool> sleeping_{false};
  std::atomic<bool> finishing_{false};
  std::thread thread_;
};

}  // namespace tcpinfo::collect

#endif
