// SPDX-License-Identifier: Apache-2.0
//
// Notices what happens to clocks while nobody looks: the wall clock being stepped, the machine
// having slept. Recording goes on as before: records carry the wall clock as it is, ticks and ages
// follow the monotonic one.
#ifndef TCPINFO_COLLECT_CONTROL_CLOCK_WATCH_H
#define TCPINFO_COLLECT_CONTROL_CLOCK_WATCH_H

#include <cstdint>

#include "collect/os/os.h"
#include "collect/telemetry/log.h"
#include "collect/telemetry/statistics.h"

namespace tcpinfo::collect {

/// Used by one thread.
class clock_watch {
 public:
  /// Both outlive it.
  clock_watch(os& system, statistics& counts) : system_(system), counts_(counts) {}

  /// Compares the clocks with what they said the last time. Called once a poll.
  void look();

 private:
  os& system_;
  statistics& counts_;
  bool known_ = false;
  std::int64_t wall_ahead_ns_ = 0;  // of the boot-time clock
  std::int64_t slept_ns_ = 0;       // boot-time clock ahead of the monotonic one
  log_limit step_limit_;
  log_limit sleep_limit_;
};

}  // namespace tcpinfo::collect

#endif
