// SPDX-License-Identifier: Apache-2.0
#include "collect/sampling/events/reconciler.h"

#include <tcpinfo/internal/content_hash.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <new>
#include <utility>

#include "collect/os/clock.h"
#include "collect/os/thread.h"
#include "common/errno_of.h"

namespace tcpinfo::collect {
namespace {

constexpr std::int64_t shortest_ns = 1'000'000'000;
// While dumps are held, the thread looks so often whether they still are.
constexpr std::int64_t held_look_ns = 100'000'000;
// The message about an end may be on its way for so long.
constexpr std::int64_t absent_ns = 5'000'000'000;
// Missed changes among a thousand sockets that make dumps more frequent.
constexpr std::size_t many_missed_per_mille = 1;

std::int64_t monotonic_ns() noexcept {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

}  // namespace

class dump_comparison::sink final : public message_sink {
 public:
  sink(dump_comparison& to, reconciliation& found) noexcept : to_(to), found_(found) {}

  socket_outcome on_socket(const message& m) noexcept override {
    ++found_.sockets;
    try {
      const std::uint64_t cookie = m.cookie();
      const std::uint64_t hash = content_hash(m);
      const auto [at, is_new] = to_.sockets_.try_emplace(cookie);
      known& socket = at->second;
      if (is_new) socket.id = m.id();
      if (is_new || socket.hash != hash)
        found_.suspects.push_back({m.id(), is_new ? suspicion::opened : suspicion::changed});
      socket.hash = hash;
      socket.dump = to_.dump_;
      socket.absent_ns = 0;
    } catch (const std::bad_alloc&) {
      out_of_memory = true;
    }
    return socket_outcome::unchanged;
  }
  void on_destroyed(const message&) noexcept override {}

  bool out_of_memory = false;

 private:
  dump_comparison& to_;
  reconciliation& found_;
};

bool dump_comparison::dump(source& dumps, std::int64_t now_ns, reconciliation& found) {
  found.suspects.clear();
  found.sockets = 0;
  ++dump_;
  sink shown(*this, found);
  const poll_report report = dumps.dump(shown);
  // Suspects among the sockets that it did show stay suspects.
  if (!report.complete || shown.out_of_memory) return false;
  for (auto at = sockets_.begin(); at != sockets_.end();) {
    known& socket = at->second;
    if (socket.dump == dump_) {
      ++at;
    } else if (socket.absent_ns == 0) {
      socket.absent_ns = now_ns;
      socket.seen_ns = dumped_ns_;
      ++at;
    } else if (now_ns - socket.absent_ns < absent_ns) {
      ++at;
    } else {
      found.suspects.push_back({socket.id, suspicion::gone, socket.seen_ns, socket.absent_ns});
      at = sockets_.erase(at);
    }
  }
  dumped_ns_ = now_ns;
  return true;
}

reconciler::reconciler(std::unique_ptr<source> dumps, std::int64_t longest_ns)
    : dumps_(std::move(dumps)), longest_ns_(longest_ns), pause_ns_(longest_ns) {
  (void)told_.open();  // without one nobody is woken by a result, which the next poll takes
}

std::error_code reconciler::start(const thread_starter& starter) noexcept try {
  const auto body = [this] {
    name_this_thread("reconciler");
    step_back();
    run();
  };
  return starter ? starter(body, thread_) : start_thread(body, thread_);
} catch (const std::bad_alloc&) {
  return system_error(ENOMEM);
}

reconciler::~reconciler() {
  dumps_->give_way_no_more();
  {
    const std::lock_guard lock(mutex_);
    finishing_ = true;
  }
  changed_.notify_one();
  if (thread_.joinable()) thread_.join();
}

void reconciler::run() {
  dump_comparison book;
  reconciliation found;
  std::int64_t begun_ns = 0;
  std::int64_t took_ns = 0;
  do {
    begun_ns = monotonic_ns();
    const std::int64_t cpu_ns = thread_cpu_ns();
    try {
      const bool whole = book.dump(*dumps_, begun_ns, found);
      took_ns = thread_cpu_ns() - cpu_ns;
      found.cpu_ns = whole ? took_ns : 0;
    } catch (const std::bad_alloc&) {
    }
    hand_over(found);
  } while (wait_since(begun_ns, took_ns));
}

// This thread runs after all others, and may be put aside while it holds the lock: it holds it for
// moments only.
void reconciler::hand_over(reconciliation& found) {
  // A new result replaces one that nobody has taken, and takes over its suspects.
  std::vector<suspect> before;
  {
    const std::lock_guard lock(mutex_);
    if (is_ready()) {
      set_ready(false);
      std::swap(before, latest_.suspects);
    }
  }
  try {
    found.suspects.insert(found.suspects.end(), before.begin(), before.end());
  } catch (const std::bad_alloc&) {
  }
  const std::lock_guard lock(mutex_);
  std::swap(latest_, found);
  set_ready(true);
}

// The descriptor is readable only while there is a result: otherwise whoever waits for it would
// never sleep.
void reconciler::set_ready(bool ready) noexcept {
  if (!ready) told_.clear();
  ready_.store(ready, std::memory_order_release);
  if (ready) told_.signal();
}

// Waits until the next dump is due. False where there is to be none.
bool reconciler::wait_since(std::int64_t begun_ns, std::int64_t cpu_ns) {
  // Dumps that come sooner than usual take no more than one part in so many of a processor.
  constexpr std::int64_t share = 50;
  std::unique_lock lock(mutex_);
  while (!finishing_) {
    std::int64_t pause_ns = pause_ns_.load(std::memory_order_relaxed);
    if (hurry_.load(std::memory_order_relaxed))
      pause_ns = std::min(pause_ns, std::max(std::min(shortest_ns, longest_ns_), share * cpu_ns));
    std::int64_t left_ns = begun_ns + pause_ns - monotonic_ns();
    if (held_.load(std::memory_order_relaxed)) left_ns = std::max(left_ns, held_look_ns);
    if (left_ns <= 0) break;
    // A pause that becomes shorter meanwhile wakes nobody: this looks often enough.
    (void)changed_.wait_for(lock, std::chrono::nanoseconds(std::min(left_ns, shortest_ns)));
  }
  hurry_.store(false, std::memory_order_relaxed);
  return !finishing_;
}

bool reconciler::take(reconciliation& out) {
  if (!is_ready()) return false;
  const std::unique_lock lock(mutex_, std::try_to_lock);
  if (!lock.owns_lock() || !is_ready()) return false;
  out.suspects.clear();
  std::swap(out, latest_);
  set_ready(false);
  return true;
}

void reconciler::judge(std::size_t missed, std::size_t sockets) noexcept {
  const std::int64_t pause_ns = pause_ns_.load(std::memory_order_relaxed);
  const bool many = missed > 0 && missed * 1000 >= many_missed_per_mille * sockets;
  pause_ns_.store(many ? std::max(pause_ns / 2, std::min(shortest_ns, longest_ns_))
                       : std::min(2 * pause_ns, longest_ns_),
                  std::memory_order_relaxed);
}

}  // namespace tcpinfo::collect
