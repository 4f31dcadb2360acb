// SPDX-License-Identifier: Apache-2.0
#include "collect/control/clock_watch.h"

#include "text/values.h"

namespace tcpinfo::collect {
namespace {

// Clocks are disciplined by less than 1 ms a second; what jumps further was stepped.
constexpr std::int64_t step_ns = 100'000'000;
// The clocks are read one after the other; where that took longer, we were interrupted in between
// and the next look tells.
constexpr std::int64_t together_ns = step_ns / 10;

std::string span_of(std::int64_t ns) {
  constexpr std::int64_t millisecond = 1'000'000;
  return text::format_duration((ns < 0 ? -ns : ns) / millisecond * millisecond);
}

}  // namespace

void clock_watch::look() {
  const std::int64_t monotonic = system_.monotonic_ns();
  const std::int64_t wall = system_.realtime_ns();
  const std::int64_t boot = system_.boottime_ns();
  const std::int64_t monotonic_after = system_.monotonic_ns();
  if (monotonic_after - monotonic > together_ns) return;
  const std::int64_t wall_ahead = wall - boot;
  const std::int64_t slept = boot - monotonic;
  if (known_) {
    const std::int64_t stepped = wall_ahead - wall_ahead_ns_;
    if (stepped >= step_ns || stepped <= -step_ns) {
      counts_.clock_steps.add();
      step_limit_.log(monotonic, event::clock_stepped, {},
                      "the wall clock was stepped {} by {}: timestamps follow it, poll numbers go "
                      "on evenly",
                      stepped < 0 ? "backwards" : "forwards", span_of(stepped));
    }
    if (slept - slept_ns_ >= step_ns) {
      counts_.suspends.add();
      sleep_limit_.log(monotonic, event::resumed, {}, "the machine slept for {}",
                       span_of(slept - slept_ns_));
    }
  }
  known_ = true;
  wall_ahead_ns_ = wall_ahead;
  slept_ns_ = slept;
}

}  // namespace tcpinfo::collect
