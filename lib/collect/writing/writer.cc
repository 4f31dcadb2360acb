// SPDX-License-Identifier: Apache-2.0
#include "collect/writing/writer.h"

#include <new>
#include <utility>

#include "collect/os/thread.h"

namespace tcpinfo::collect {
namespace {

// Between two portions of writing, at most this many snapshots are taken.
constexpr int drain_limit = 4096;
// Before what found no memory is tried again.
constexpr std::int64_t memory_pause_ns = 100'000'000;
constexpr std::int64_t longest_sleep_ns = 1'000'000'000;

}  // namespace

std::error_code writer::start() {
  if (const auto ec = records_->open()) return ec;
  return context_.system.start_thread(
      [this] {
        name_this_thread("writer");
        run();
      },
      thread_);
}

void writer::wake() noexcept {
  // Both sides use sequentially consistent operations: either the writer sees what was pushed, or
  // we see that it sleeps.
  queue_.announce();
  if (!sleeping_.load(std::memory_order_seq_cst)) return;
  // Passed once, so that the writer does not fall asleep between its last look and ours; not held
  // while the writer is woken, because the writer takes it first.
  { const std::lock_guard lock(mutex_); }
  changed_.notify_one();
}

void writer::ask(std::shared_ptr<question> asked) {
  {
    const std::lock_guard lock(asking_);
    asked_.push_back(std::move(asked));
    is_asked_.store(true, std::memory_order_release);
  }
  // Between its last look and its sleep the writer may miss it. It wakes after longest_sleep_ns at
  // the latest, half of the asker's patience.
  changed_.notify_one();
}

void writer::answer_questions() {
  if (!is_asked_.load(std::memory_order_acquire)) return;
  std::vector<std::shared_ptr<question>> asked;
  {
    const std::lock_guard lock(asking_);
    asked.swap(asked_);
    is_asked_.store(false, std::memory_order_release);
  }
  for (const auto& one : asked) {
    // Nobody waits for it any more.
    if (one.use_count() == 1) continue;
    try {
      recent_answer said;
      records_->answer(one->wanted, said, context_.system.monotonic_ns());
      one->settle(std::move(said));
    } catch (const std::bad_alloc&) {
      one->settle(std::nullopt);
    }
  }
}

void writer::finish() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    finishing_.store(true, std::memory_order_seq_cst);
    changed_.notify_one();
  }
  thread_.join();
}

void writer::run() {
  // Out of memory anywhere: what was being done is done again later, when there may be some.
  while (!without_memory_failing([this] { return turn(); })) {
  }
  if (!without_memory_failing([this] {
        records_->finish();
        return true;
      }))
    records_->give_up();
}

// The deed's answer; false, after a pause, where memory ran out.
template <class F>
bool writer::without_memory_failing(F&& deed) {
  try {
    return deed();
  } catch (const std::bad_alloc&) {
    context_.counts.write_errors.add(errc::out_of_memory);
    context_.system.wait(-1, -1, context_.system.monotonic_ns() + memory_pause_ns);
    return false;
  }
}

// True when all was taken that came before finish().
bool writer::turn() {
  // Read before the queue: what was pushed before finish() is then seen.
  const bool finishing = finishing_.load(std::memory_order_seq_cst);
  drain();
  answer_questions();
  const std::int64_t now_ns = context_.system.monotonic_ns();
  const bool more = records_->write_portion(now_ns);
  memory_.give_back(now_ns);
  memory_.publish();
  if (queue_.used_bytes() > 0) return false;
  if (finishing) return true;
  if (!more) wait(now_ns);
  return false;
}

void writer::wait(std::int64_t now_ns) {
  const std::int64_t until_ns = records_->next_ns(now_ns + longest_sleep_ns);
  std::unique_lock lock(mutex_);
  sleeping_.store(true, std::memory_order_seq_cst);
  if (queue_.used_bytes() == 0 && !finishing_.load(std::memory_order_seq_cst) &&
      !is_asked_.load(std::memory_order_acquire))
    context_.system.wait(changed_, lock, until_ns);
  sleeping_.store(false, std::memory_order_seq_cst);
}

void writer::drain() {
  snapshot_header header;
  bytes_view message;
  const std::int64_t now_ns = context_.system.monotonic_ns();
  memory_.queue_takes(queue_.memory_bytes());
  for (int i = 0; i < drain_limit && queue_.front(header, message); ++i) {
    try {
      records_->take(header, message, now_ns);
    } catch (const std::bad_alloc&) {
      context_.counts.lost_write.add();
    }
    queue_.pop(header);
    if (memory_.now() > memory_.limit()) records_->keep_budget(now_ns);
  }
  observer_.publish();
  memory_.publish();
}

}  // namespace tcpinfo::collect
