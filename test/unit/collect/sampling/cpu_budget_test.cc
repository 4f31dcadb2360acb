// SPDX-License-Identifier: Apache-2.0
#include "collect/sampling/cpu_budget.h"

#include "unit/collect/run.h"
#include "unit/durations.h"

namespace {

// Polls that cost `cost_ns` each, as often as the interval and the budget allow. @return the mean
// time from one to the next, after a while.
double mean_interval_ms(double percent, std::int64_t interval_ns, std::int64_t cost_ns) {
  cpu_budget budget(percent, interval_ns);
  std::int64_t now = 0;
  std::int64_t used = 0;
  std::int64_t measured_from = 0;
  constexpr int settling = 200;
  constexpr int measured = 1000;
  for (int poll = 0; poll < settling + measured; ++poll) {
    if (poll == settling) measured_from = now;
    const std::int64_t begun = now;
    now += cost_ns;
    used += cost_ns;
    now = std::max(budget.next_poll_ns(now, used), begun + interval_ns);
  }
  return static_cast<double>(now - measured_from) / measured / ms;
}

}  // namespace

TEST_CASE("a processor budget stretches the interval to what it allows, and no further") {
  CHECK(mean_interval_ms(0, 10 * ms, 5 * ms) == Catch::Approx(10));
  CHECK(mean_interval_ms(60, 10 * ms, 5 * ms) == Catch::Approx(10));
  CHECK(mean_interval_ms(10, 10 * ms, 5 * ms) == Catch::Approx(50).epsilon(0.01));
  CHECK(mean_interval_ms(150, 10 * ms, 5 * ms) == Catch::Approx(10));
  CHECK(mean_interval_ms(5, 10 * ms, 20 * ms) == Catch::Approx(400).epsilon(0.01));
  // No connection waits longer than a second beyond the poll itself, or than the interval.
  CHECK(mean_interval_ms(1, 10 * ms, 100 * ms) == Catch::Approx(1100).epsilon(0.01));
  CHECK(mean_interval_ms(1, 3000 * ms, 100 * ms) == Catch::Approx(3100).epsilon(0.01));
}

TEST_CASE("a quiet time pays for no more than one busy second") {
  cpu_budget budget(10, 10 * ms);
  CHECK(budget.next_poll_ns(0, 0) == 0);
  // A minute of nothing, then a burst of work.
  std::int64_t now = 60'000 * ms;
  CHECK(budget.next_poll_ns(now, 0) == now);
  now += 10 * ms;
  CHECK(budget.next_poll_ns(now, 90 * ms) == now);
  now += 10 * ms;
  CHECK(budget.next_poll_ns(now, 190 * ms) > now + 800 * ms);
}

TEST_CASE("polls that the budget leaves out are counted and are not missed") {
  run r;
  r.add(0xA);
  r.settings.reps = 20;
  r.settings.cpu_budget = 10;
  r.kernel.before_poll = [&r](scripted_kernel& k, std::uint64_t poll) {
    r.system.processor += 5 * ms;
    k.sockets.at(0xA).set(128, std::uint64_t{poll});
  };
  CHECK(r.collect() == exit_ok);
  CHECK(r.count("missed_ticks") == 0);
  // Each poll but the last is followed by 50 ms, after what the first second had earned was used.
  CHECK(r.count("budget_ticks") >= 60);
  CHECK(r.count("budget_ticks") <= 80);
  const auto files = read_all(r.output);
  REQUIRE(files.size() == 1);
  CHECK(files.begin()->second.lines.size() == 20);
}
