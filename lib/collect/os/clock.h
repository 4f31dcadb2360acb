// SPDX-License-Identifier: Apache-2.0
//
// The kernel's clocks, for code without an `os`: tests cannot replace them.
#ifndef TCPINFO_COLLECT_OS_CLOCK_H
#define TCPINFO_COLLECT_OS_CLOCK_H

#include <time.h>

#include <cstdint>

#include "common/time_units.h"

namespace tcpinfo::collect {

/// Nanoseconds that `clock` shows (clock_gettime(2)). Also in signal handlers.
[[nodiscard]] inline std::int64_t clock_ns(clockid_t clock) noexcept {
  timespec now{};
  ::clock_gettime(clock, &now);
  return std::int64_t{now.tv_sec} * ns_a_second + now.tv_nsec;
}

/// Processor time of the calling thread.
[[nodiscard]] inline std::int64_t thread_cpu_ns() noexcept {
  return clock_ns(CLOCK_THREAD_CPUTIME_ID);
}

}  // namespace tcpinfo::collect

#endif
