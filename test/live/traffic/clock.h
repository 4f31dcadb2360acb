// SPDX-License-Identifier: Apache-2.0
//
// Times in nanoseconds, and waiting for them.
#ifndef TCPINFO_TEST_LIVE_TRAFFIC_CLOCK_H
#define TCPINFO_TEST_LIVE_TRAFFIC_CLOCK_H

#include <cstddef>
#include <cstdint>

namespace traffic {

inline constexpr int64_t millisecond = 1'000'000;
inline constexpr int64_t second = 1'000'000'000;

int64_t wall_ns();
int64_t steady_ns();

// Returns early when the process is told to stop. `due`: of steady_ns().
void sleep_until(int64_t due);
void sleep_ms(int64_t ms);

// Sleeps so that `done` of `all` steps take the like share of the time.
class pacer {
 public:
  pacer(int64_t total_ms, size_t all) : begin_(steady_ns()), total_(total_ms), all_(all) {}

  void step() {
    ++done_;
    if (done_ % 64 != 0 || all_ == 0) return;
    const int64_t due =
        begin_ + total_ * millisecond * static_cast<int64_t>(done_) / static_cast<int64_t>(all_);
    const int64_t left = due - steady_ns();
    if (left >= millisecond) sleep_ms(left / millisecond);
  }

 private:
  int64_t begin_;
  int64_t total_;
  size_t all_;
  size_t done_ = 0;
};

}  // namespace traffic

#endif
