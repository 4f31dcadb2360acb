// SPDX-License-Identifier: Apache-2.0
//
// When connections whose stall times grow are due, against a slow list of them.
#include "collect/sampling/events/stall_wheel.h"

#include <map>
#include <random>

#include "unit/catch.h"
#include "unit/durations.h"

using namespace tcpinfo;
using namespace tcpinfo::collect;

namespace {

socket_id id_of(std::uint64_t cookie) {
  socket_id id;
  id.cookie = cookie;
  return id;
}

std::vector<std::uint64_t> due(stall_wheel& wheel, std::int64_t now_ns, bool go_on = true) {
  std::vector<std::uint64_t> told;
  wheel.take_due(now_ns, [&](const socket_id& id) {
    told.push_back(id.cookie);
    return go_on;
  });
  std::sort(told.begin(), told.end());
  return told;
}

}  // namespace

TEST_CASE("each connection is due at its time, and then after its pause") {
  stall_wheel wheel;
  CHECK(wheel.empty());
  const std::int64_t start = 123'456 * ms;
  wheel.start(id_of(1), start + 500 * ms, 1'000 * ms);
  wheel.start(id_of(2), start + 20 * ms, 40 * ms);
  CHECK(wheel.pause_ns(2) == 40 * ms);
  std::map<std::uint64_t, std::vector<std::int64_t>> told;
  for (std::int64_t now = start; now <= start + 2'600 * ms; now += 10 * ms)
    for (const std::uint64_t cookie : due(wheel, now)) told[cookie].push_back((now - start) / ms);
  CHECK(told[1] == std::vector<std::int64_t>{500, 1'500, 2'500});
  CHECK(told[2].size() == 65);
  CHECK(told[2].front() == 20);
  CHECK(told[2].back() == 2'580);
}

TEST_CASE("a connection that is stopped, or refused when it is due, is due no more") {
  stall_wheel wheel;
  wheel.start(id_of(1), 100 * ms, 100 * ms);
  wheel.start(id_of(2), 100 * ms, 100 * ms);
  wheel.stop(1);
  wheel.stop(3);
  CHECK(wheel.pause_ns(1) == 0);
  CHECK(due(wheel, 150 * ms, false) == std::vector<std::uint64_t>{2});
  CHECK(due(wheel, 500 * ms).empty());
  CHECK(wheel.empty());
  // Stopped and begun again it is due once.
  wheel.start(id_of(1), 600 * ms, 1'000 * ms);
  wheel.stop(1);
  wheel.start(id_of(1), 620 * ms, 1'000 * ms);
  wheel.start(id_of(1), 610 * ms, 1'000 * ms);
  CHECK(due(wheel, 605 * ms).empty());
  CHECK(due(wheel, 640 * ms) == std::vector<std::uint64_t>{1});
  CHECK(due(wheel, 700 * ms).empty());
}

TEST_CASE("the wheel knows when the next connection is due, at most a step early") {
  stall_wheel wheel;
  wheel.start(id_of(1), 0, 1'000 * ms);
  CHECK(due(wheel, 1'000 * ms).size() == 1);  // and again at 2,000
  CHECK(wheel.next_due(1'000 * ms, 1'100 * ms) == 1'100 * ms);
  CHECK(wheel.next_due(1'950 * ms, 2'100 * ms) == 2'000 * ms);
  wheel.start(id_of(2), 1'042 * ms, 10 * ms);
  CHECK(wheel.next_due(1'000 * ms, 1'100 * ms) == 1'040 * ms);
}

TEST_CASE("where the caller throws, that connection and the rest are due the next time") {
  stall_wheel wheel;
  for (std::uint64_t c = 1; c <= 10; ++c) wheel.start(id_of(c), 50 * ms, 1'000 * ms);
  int queried = 0;
  CHECK_THROWS_AS(wheel.take_due(60 * ms,
                                 [&](const socket_id&) -> bool {
                                   if (++queried == 4) throw std::bad_alloc();
                                   return true;
                                 }),
                  std::bad_alloc);
  CHECK(due(wheel, 70 * ms).size() == 7);
  CHECK(due(wheel, 80 * ms).empty());
}

TEST_CASE("after any pauses connections are due as a plain list has it") {
  struct plain {
    std::int64_t due_ns;
    std::int64_t pause_ns;
  };
  std::mt19937_64 random(7);
  const auto below = [&](std::uint64_t n) { return static_cast<std::int64_t>(random() % n); };
  stall_wheel wheel;
  std::map<std::uint64_t, plain> list;
  std::int64_t now = 987'654'321'012;
  for (int round = 0; round < 20'000; ++round) {
    // Ticks most often; now and then nobody takes any for seconds.
    now += below(100) == 0 ? below(3'000 * ms) : 10 * ms;
    for (std::int64_t i = below(4); i > 0; --i) {
      const std::uint64_t cookie = random() % 300;
      if (below(3) == 0) {
        wheel.stop(cookie);
        list.erase(cookie);
      } else {
        const plain p{now + below(1'000 * ms), (1 + below(100)) * 10 * ms};
        wheel.start(id_of(cookie), p.due_ns, p.pause_ns);
        list[cookie] = p;
      }
    }
    if (below(50) == 0) continue;
    const auto told = due(wheel, now);
    std::vector<std::uint64_t> late;
    for (auto& [cookie, p] : list) {
      const bool is_told = std::binary_search(told.begin(), told.end(), cookie);
      // To a step: none early, none later than the step in which it is due.
      if (is_told && p.due_ns > now) FAIL(cookie << " is told early");
      if (!is_told && p.due_ns <= now / stall_wheel::step_ns * stall_wheel::step_ns)
        late.push_back(cookie);
      if (is_told) p.due_ns = now + p.pause_ns;
    }
    CHECK(late.empty());
    for (const std::uint64_t cookie : told) REQUIRE(list.contains(cookie));
    REQUIRE(std::adjacent_find(told.begin(), told.end()) == told.end());
  }
  for (const auto& [cookie, p] : list) CHECK(wheel.pause_ns(cookie) == p.pause_ns);
}
