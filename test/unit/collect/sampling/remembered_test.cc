// SPDX-License-Identifier: Apache-2.0
//
// What the recorder remembers of connections beside the flow table: detached ones, times that
// events have told, mini sockets that opened nothing.
#include <cstdint>

#include "collect/sampling/detached_flows.h"
#include "collect/sampling/mini_sockets.h"
#include "collect/sampling/told_times.h"
#include "unit/catch.h"
#include "unit/made_socket.h"

using namespace tcpinfo;
using namespace tcpinfo::collect;

TEST_CASE("of many detached connections the oldest are forgotten") {
  detached_flows some(3);
  made_socket s;
  for (s.cookie = 1; s.cookie <= 3; ++s.cookie)
    CHECK(some.add(s.view(), static_cast<std::int64_t>(s.cookie)) == 0);
  s.cookie = 2;
  CHECK(some.add(s.view(), 77) == 0);  // it stays as it was
  CHECK(some.find(2)->ended_ns == 2);
  s.cookie = ~std::uint64_t{0};
  CHECK(some.add(s.view(), 4) == 1);
  CHECK(some.size() == 3);
  CHECK(some.find(1) == nullptr);
  CHECK(some.find(~std::uint64_t{0})->cookie() == ~std::uint64_t{0});
  some.erase(2);
  some.erase(2);
  some.erase_if([](const message& m) { return m.cookie() == 3; });
  CHECK(some.size() == 1);
}

TEST_CASE("what events have told is remembered until records have it") {
  told_times told;
  CHECK(told.find(1) == nullptr);
  CHECK(told.get(1).opened_ns == 0);
  told.set_opened(1, 100);
  told.set_ended(1, 300, 30);
  CHECK(told.get(1).opened_ns == 100);
  CHECK(told.get(1).ended_ns == 300);
  CHECK(told.get(1).ended_monotonic_ns == 30);
  // A record has the opening; the end is still to come.
  told.forget_opened(1);
  CHECK(told.get(1).opened_ns == 0);
  CHECK(told.get(1).ended_ns == 300);
  // The socket is connected again: its end was another connection's.
  told.set_opened(1, 400);
  CHECK(told.get(1).ended_ns == 0);
  told.forget_opened(1);
  CHECK(told.find(1) == nullptr);
  told.set_ended(2, 500, 50);
  told.forget(2);
  CHECK(told.find(2) == nullptr);
  // What never comes is no leak.
  for (std::uint64_t c = 1; c <= 100'000; ++c) told.set_opened(c, 1);
  CHECK(told.find(1) != nullptr);
  told.set_opened(100'001, 1);
  CHECK(told.find(1) == nullptr);
  CHECK(told.find(100'001) != nullptr);
}

TEST_CASE("mini sockets are forgotten that no dump has shown for 10 s") {
  constexpr std::int64_t s = 1'000'000'000;
  mini_sockets minis;
  minis.age(0);
  minis.add(1, 100 * s);
  minis.age(100 * s);
  minis.add(2, 105 * s);
  minis.age(109 * s);
  CHECK(minis.contains(1));
  minis.age(110 * s);
  CHECK_FALSE(minis.contains(1));
  CHECK(minis.contains(2));
  // Shown again.
  minis.add(2, 115 * s);
  minis.age(120 * s);
  CHECK(minis.contains(2));
  minis.age(130 * s);
  CHECK_FALSE(minis.contains(2));
}
