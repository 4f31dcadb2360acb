// SPDX-License-Identifier: Apache-2.0
#include "traffic/clock.h"

#include <algorithm>
#include <ctime>

#include "traffic/stop.h"

namespace traffic {
namespace {

int64_t clock_ns(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return static_cast<int64_t>(now.tv_sec) * second + now.tv_nsec;
}

}  // namespace

int64_t wall_ns() { return clock_ns(CLOCK_REALTIME); }
int64_t steady_ns() { return clock_ns(CLOCK_MONOTONIC); }

void sleep_until(int64_t due) {
  // Waking up costs about as much as the shortest lifetimes last: the last stretch is spun.
  constexpr int64_t spin = 150'000;
  // No signal wakes this thread: it looks now and then whether one has come.
  constexpr int64_t glance = 50 * millisecond;
  for (;;) {
    const int64_t left = due - steady_ns();
    if (left <= 0) return;
    if (left > spin) {
      const int64_t until = due - std::max(spin, left - glance);
      timespec at{static_cast<time_t>(until / second), static_cast<long>(until % second)};
      clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, nullptr);
      if (stop_requested) return;
    }
  }
}

void sleep_ms(int64_t ms) {
  timespec time{static_cast<time_t>(ms / 1000), static_cast<long>(ms % 1000 * millisecond)};
  nanosleep(&time, nullptr);
}

}  // namespace traffic
