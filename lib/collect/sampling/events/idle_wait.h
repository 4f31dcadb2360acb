// SPDX-License-Identifier: Apache-2.0
//
// How the sampler sleeps while nothing happens: through ticks in which a poll would query nothing,
// until one of several descriptors tells that something has come.
#ifndef TCPINFO_COLLECT_SAMPLING_EVENTS_IDLE_WAIT_H
#define TCPINFO_COLLECT_SAMPLING_EVENTS_IDLE_WAIT_H

#include <algorithm>
#include <cstdint>

#include "collect/os/readiness.h"
#include "collect/sampling/events/activity_feed.h"
#include "collect/sampling/events/stall_wheel.h"

namespace tcpinfo::collect {

/// One thread.
class idle_wait {
 public:
  /// `feed` outlives it.
  explicit idle_wait(activity_feed& feed) noexcept : feed_(feed) {}

  /// Watches the feed's descriptor, that of destroy events and the reconciler's; the latter two may
  /// be -1 where there are none. Where the feed has no descriptor, or the system grants none to
  /// wait for all of them, the sampler never sleeps through a tick.
  void open(int ends, int reconciler);
  /// Readable when any of them is; -1 where the system granted none. Activity and the reconciler
  /// count only during a wait.
  [[nodiscard]] int descriptor() const noexcept { return any_.descriptor(); }

  /// A poll has queried nothing (`quiet`), or something.
  void note_poll(bool quiet) noexcept {
    quiet_polls_ = quiet ? std::min(quiet_polls_ + 1, quiet_before_wait) : 0;
  }
  /// Whether it has been quiet for long enough.
  [[nodiscard]] bool may_begin() const noexcept {
    return any_.descriptor() >= 0 && quiet_polls_ >= quiet_before_wait;
  }
  /// From here on activity and the reconciler's results wake the sampler. False where the system
  /// refuses.
  [[nodiscard]] bool begin() noexcept;
  /// The activity that woke the sampler needs no poll: the next one is to wake it, too.
  void go_on() noexcept { feed_.wake_on_next(true); }
  void end() noexcept;
  [[nodiscard]] bool is_on() const noexcept { return on_; }

  /// Until when a wait that begins at `now_ns` may last at most.
  [[nodiscard]] static std::int64_t longest_until(std::int64_t now_ns,
                                                  const stall_wheel& stalls) noexcept {
    return stalls.empty() ? now_ns + longest_ns
                          : stalls.next_due(now_ns, now_ns + longest_with_stalls_ns);
  }

 private:
  // Where there is activity in every tick, waiting for it would wake the sampler once more a tick.
  static constexpr int quiet_before_wait = 4;
  // The sampler looks after its own affairs now and then.
  static constexpr std::int64_t longest_ns = 1'000'000'000;
  static constexpr std::int64_t longest_with_stalls_ns = 100'000'000;

  [[nodiscard]] bool watch(std::uint32_t events) noexcept;

  activity_feed& feed_;
  wait_set any_;
  int reconciler_ = -1;
  int quiet_polls_ = 0;  // in a row
  bool on_ = false;
};

}  // namespace tcpinfo::collect

#endif
