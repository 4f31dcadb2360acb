// SPDX-License-Identifier: Apache-2.0
//
// Looks for missed changes: dumps in the background while a source follows events, and compares
// each dump with the one before. It has a thread of its own, so that no poll waits for it. It hands
// its suspects to the event source, whose polls query them.
#ifndef TCPINFO_COLLECT_SAMPLING_EVENTS_RECONCILER_H
#define TCPINFO_COLLECT_SAMPLING_EVENTS_RECONCILER_H

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <system_error>
#include <thread>
#include <unordered_map>
#include <vector>

#include "collect/os/wake_event.h"
#include "collect/sampling/source.h"

namespace tcpinfo::collect {

enum class suspicion : std::uint8_t {
  changed,  ///< it says something else than in the dump before
  opened,   ///< it was not in the dump before
  gone,     ///< two dumps did not show it, some time apart
};

struct suspect {
  socket_id id;
  suspicion why = suspicion::changed;
  // Monotonic, of one that is gone: begin of the last dump that showed it, and of the next.
  std::int64_t seen_ns = 0;
  std::int64_t absent_ns = 0;
};

/// What a dump has found out.
struct reconciliation {
  std::vector<suspect> suspects;
  std::int64_t cpu_ns = 0;  ///< processor time of the dump; 0 where it failed
  std::size_t sockets = 0;  ///< that the dump showed
};

using thread_starter = std::function<std::error_code(std::function<void()>, std::thread&)>;

/// Compares dumps. It keeps a hash of each socket's last message, not the message. One thread.
class dump_comparison {
 public:
  /// Dumps once. Throws std::bad_alloc; the next call begins where this one began.
  /// @param now_ns monotonic
  /// @return false where the dump failed: then it is evidence of nothing.
  [[nodiscard]] bool dump(source& dumps, std::int64_t now_ns, reconciliation& found);

 private:
  struct known {
    socket_id id;
    std::uint64_t hash = 0;
    std::uint32_t dump = 0;      // number of the last one that showed it
    std::int64_t absent_ns = 0;  // begin of the first dump without it; 0: the last one showed it
    std::int64_t seen_ns = 0;    // begin of the dump before that
  };
  class sink;

  std::unordered_map<std::uint64_t, known> sockets_;
  std::uint32_t dump_ = 0;      // number of the latest
  std::int64_t dumped_ns_ = 0;  // begin of the last whole dump
};

class reconciler {
 public:
  /// @param dumps for the reconciler's thread alone
  /// @param longest_ns from one dump to the next, at most
  reconciler(std::unique_ptr<source> dumps, std::int64_t longest_ns);
  ~reconciler();
  reconciler(const reconciler&) = delete;
  reconciler& operator=(const reconciler&) = delete;

  /// Starts its thread; without it nothing is reconciled. @return why there is none.
  [[nodiscard]] std::error_code start(const thread_starter& starter) noexcept;
  [[nodiscard]] bool runs() const noexcept { return thread_.joinable(); }
  /// The latest result, once. False where there is none, or not yet. Cheap, and waits for nobody.
  [[nodiscard]] bool take(reconciliation& out);
  /// Whether there is one.
  [[nodiscard]] bool is_ready() const noexcept { return ready_.load(std::memory_order_acquire); }
  /// Readable while there is one; -1 where the system has no descriptor left.
  [[nodiscard]] int descriptor() const noexcept { return told_.get(); }
  /// Tells how many suspects were missed changes: many make the time to the next dump shorter.
  void judge(std::size_t missed, std::size_t sockets) noexcept;
  /// The next dump begins after the shortest pause, or as soon as the last one's cost allows.
  void hurry() noexcept { hurry_.store(true, std::memory_order_relaxed); }
  /// While held, no other dump begins.
  void hold(bool held) noexcept { held_.store(held, std::memory_order_relaxed); }

 private:
  void run();
  void hand_over(reconciliation& found);
  void set_ready(bool ready) noexcept;  // with the lock
  [[nodiscard]] bool wait_since(std::int64_t begun_ns, std::int64_t cpu_ns);

  const std::unique_ptr<source> dumps_;
  const std::int64_t longest_ns_;
  wake_event told_;
  std::atomic<std::int64_t> pause_ns_;
  std::atomic<bool> ready_{false};
  std::atomic<bool> hurry_{false};
  std::atomic<bool> held_{false};
  std::mutex mutex_;
  std::condition_variable changed_;
  bool finishing_ = false;
  reconciliation latest_;
  std::thread thread_;
};

}  // namespace tcpinfo::collect

#endif
