// SPDX-License-Identifier: Apache-2.0
//
// Walks beside the polls of a source that follows events: finds what no event has told of. On a
// thread of its own, so that no poll waits for it; what it suspects is asked for in the polls.
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

#include "collect/os/descriptor.h"
#include "collect/sampling/source.h"

namespace tcpinfo::collect {

enum class suspicion : std::uint8_t {
  moved,   ///< it says something else than in the walk before
  opened,  ///< it was not in the walk before
  gone,    ///< it was missing for two walks and a while
};

struct suspect {
  socket_id id;
  suspicion why = suspicion::moved;
  // Monotonic, of one that is gone: begin of the last walk that showed it, and of the next.
  std::int64_t seen_ns = 0;
  std::int64_t absent_ns = 0;
};

/// What a walk has found out.
struct reconciliation {
  std::vector<suspect> suspects;
  std::int64_t cpu_ns = 0;  ///< what the walk took of the processor
  std::size_t sockets = 0;  ///< that it showed
};

using thread_starter = std::function<std::error_code(std::function<void()>, std::thread&)>;

/// The bookkeeping, without the thread. `walks` shows the sockets.
class reconciling {
 public:
  /// Walks once. Throws std::bad_alloc; the next time begins where this began.
  /// @param now_ns monotonic
  /// @return false where the walk failed: then nothing is concluded from it.
  [[nodiscard]] bool walk(source& walks, std::int64_t now_ns, reconciliation& found);

 private:
  struct known {
    socket_id id;
    std::uint64_t hash = 0;
    std::uint32_t walk = 0;      // the last one that showed it
    std::int64_t absent_ns = 0;  // since when it was missing; 0: it was not
    std::int64_t seen_ns = 0;    // begin of the walk before that
  };
  class sink;

  std::unordered_map<std::uint64_t, known> sockets_;
  std::uint32_t walk_ = 0;
  std::int64_t walked_ns_ = 0;  // begin of the last whole walk
};

class reconciler {
 public:
  /// `walks` is for its thread alone.
  reconciler(std::unique_ptr<source> walks, std::int64_t longest_ns);
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
  /// How many of the suspects were news: many make the time to the next walk shorter.
  void judge(std::size_t news, std::size_t sockets) noexcept;
  /// The next walk begins as soon as walks ever do, or as the last one's cost allows.
  void hurry() noexcept { hurry_.store(true, std::memory_order_relaxed); }
  /// No other walk begins until it may.
  void hold(bool held) noexcept { held_.store(held, std::memory_order_relaxed); }

 private:
  void run();
  void hand_over(reconciliation& found);
  void set_ready(bool ready) noexcept;  // with the lock
  [[nodiscard]] bool wait_since(std::int64_t begun_ns, std::int64_t cpu_ns);

  const std::unique_ptr<source> walks_;
  const std::int64_t longest_ns_;
  const collect::descriptor told_;  // an eventfd
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
