// SPDX-License-Identifier: Apache-2.0
#include "collect/telemetry/log.h"

#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <string>
#include <thread>

#include "collect/os/readiness.h"
#include "collect/os/thread.h"
#include "collect/telemetry/journal.h"
#include "text/escape.h"
#include "text/write_all.h"

namespace tcpinfo::collect {
namespace {

bool to_journal = false;
std::atomic<std::uint64_t> dropped_lines{0};
constexpr std::size_t most_waiting = 256;
constexpr auto last_wait = std::chrono::seconds(1);

struct log_entry {
  log_event what;
  std::string text;
  std::string file;
  std::error_code error;
  std::uint64_t dropped_before = 0;
};

// May wait for whoever reads.
void write_line(std::string_view text) {
  const std::string line = fmt::format("tcpinfo-collect: {}\n", text);
  std::string_view rest = line;
  // EAGAIN: somebody else has made it non-blocking. After another error nobody is left to tell.
  while (text::write_rest(STDERR_FILENO, rest) == EAGAIN) await_writable(STDERR_FILENO);
}

std::string dropped_text(std::uint64_t lines) {
  return fmt::format("{} lines of the log were dropped: nobody read them", lines);
}

// May wait for whoever reads.
void write_entry(const log_event& what, std::string_view text, const log_subject& subject) {
  // Where the journal does not take it, standard error still leads there.
  if (!to_journal || !send_to_journal(what, text, subject)) write_line(text);
}

/// The lines that wait for their thread. One for the process, which is never destroyed, because the
/// thread may hang in a write for ever.
class line_queue {
 public:
  bool start() noexcept {
    const std::lock_guard lock(mutex_);
    finishing_ = false;
    // That of the run before hangs still, and takes what is said now as well.
    if (running_) return true;
    running_ = !start_thread(
        [this] {
          name_this_thread("log");
          run();
        },
        thread_);
    return running_;
  }

  /// False where there is no thread.
  bool add(const log_event& what, std::string_view text, const log_subject& subject) {
    const std::lock_guard lock(mutex_);
    if (!running_) return false;
    if (waiting_.size() >= most_waiting) {
      dropped_lines.fetch_add(1, std::memory_order_relaxed);
      if (what.name != event::summary.name) {
        ++unsaid_;
        return true;
      }
      // The last line says more than any other.
      std::uint64_t before = waiting_.front().dropped_before + 1;
      waiting_.pop_front();
      waiting_.front().dropped_before += before;
    }
    waiting_.push_back(
        {what, std::string(text), std::string(subject.file), subject.error, unsaid_});
    unsaid_ = 0;
    changed_.notify_all();
    return true;
  }

  void finish() noexcept {
    std::unique_lock lock(mutex_);
    if (!running_) return;
    finishing_ = true;
    changed_.notify_all();
    if (changed_.wait_for(lock, last_wait, [this] { return ended_; })) {
      running_ = ended_ = false;
      lock.unlock();
      if (thread_.joinable()) thread_.join();
    } else if (thread_.joinable()) {
      thread_.detach();
      left_behind_ = true;
    }
  }

 private:
  void run() noexcept {
    std::unique_lock lock(mutex_);
    for (;;) {
      changed_.wait(lock, [this] { return finishing_ || !waiting_.empty() || unsaid_ > 0; });
      if (waiting_.empty() && unsaid_ == 0) break;
      std::uint64_t dropped = 0;
      log_entry next{};
      const bool is_line = !waiting_.empty();
      if (is_line) {
        next = std::move(waiting_.front());
        waiting_.pop_front();
        dropped = next.dropped_before;
      } else {
        dropped = std::exchange(unsaid_, 0);
      }
      lock.unlock();
      try {
        if (dropped > 0) write_entry(event::log_dropped, dropped_text(dropped), {});
        if (is_line) write_entry(next.what, next.text, {next.file, next.error});
      } catch (const std::bad_alloc&) {
        dropped_lines.fetch_add(1, std::memory_order_relaxed);
      }
      lock.lock();
    }
    // Nobody waits for one that was left behind.
    if (std::exchange(left_behind_, false))
      running_ = false;
    else
      ended_ = true;
    changed_.notify_all();
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<log_entry> waiting_;
  std::uint64_t unsaid_ = 0;  // dropped after the last line that waits
  bool running_ = false;
  bool finishing_ = false;
  bool ended_ = false;
  bool left_behind_ = false;
  std::thread thread_;
};

line_queue& lines() {
  static line_queue* const all = new line_queue;
  return *all;
}

// Without a thread: only what is taken at once.
void write_now(std::string_view text) {
  static std::atomic<std::uint64_t> unsaid{0};
  // A pipe whose reader has stopped must not stop us.
  if (!is_writable(STDERR_FILENO)) {
    dropped_lines.fetch_add(1, std::memory_order_relaxed);
    unsaid.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  if (const auto before = unsaid.exchange(0, std::memory_order_relaxed); before > 0)
    write_line(dropped_text(before));
  write_line(text);
}

}  // namespace

void use_journal_if_connected() noexcept { to_journal = journal_connected(); }

log_thread::log_thread() noexcept {
  dropped_lines.store(0, std::memory_order_relaxed);
  try {
    (void)lines().start();
  } catch (const std::bad_alloc&) {
    // As without a thread.
  }
}

log_thread::~log_thread() { lines().finish(); }

std::uint64_t log_lines_dropped() noexcept { return dropped_lines.load(std::memory_order_relaxed); }

void log_line(const log_event& what, std::string_view said, const log_subject& subject) noexcept {
  try {
    const std::string text = text::escaped(said);
    if (lines().add(what, text, subject)) return;
    // The journal has no way to say that it would have to be waited for, but that it is full.
    if (to_journal && journal_takes_an_entry() && send_to_journal(what, text, subject)) return;
    write_now(text);
  } catch (...) {
    // No memory for a log line: the counters still tell.
    dropped_lines.fetch_add(1, std::memory_order_relaxed);
  }
}

bool log_limit::allow(std::int64_t now_ns, std::uint64_t& held_back) noexcept {
  std::int64_t next = next_ns_.load(std::memory_order_relaxed);
  if (now_ns < next ||
      !next_ns_.compare_exchange_strong(next, now_ns + interval_ns_, std::memory_order_relaxed)) {
    held_back_.fetch_add(1, std::memory_order_relaxed);
    return false;
  }
  held_back = held_back_.exchange(0, std::memory_order_relaxed);
  return true;
}

}  // namespace tcpinfo::collect
