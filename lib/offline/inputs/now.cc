// SPDX-License-Identifier: Apache-2.0
#include "offline/inputs/now.h"

#include <time.h>

#include <cerrno>

namespace tcpinfo::offline {
namespace {

std::int64_t now_ns(clockid_t clock) noexcept {
  timespec t{};
  clock_gettime(clock, &t);
  return std::int64_t{t.tv_sec} * 1'000'000'000 + t.tv_nsec;
}

}  // namespace

std::int64_t realtime_now_ns() noexcept { return now_ns(CLOCK_REALTIME); }
std::int64_t monotonic_now_ns() noexcept { return now_ns(CLOCK_MONOTONIC); }

void sleep_until(std::int64_t monotonic_ns) noexcept {
  timespec t{};
  t.tv_sec = static_cast<time_t>(monotonic_ns / 1'000'000'000);
  t.tv_nsec = static_cast<long>(monotonic_ns % 1'000'000'000);
  while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, nullptr) == EINTR) {
  }
}

}  // namespace tcpinfo::offline
