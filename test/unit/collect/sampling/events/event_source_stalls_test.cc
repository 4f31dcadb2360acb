// SPDX-License-Identifier: Apache-2.0
//
// Queries of sockets whose stall times may grow though no event tells of it.
#include "unit/collect/sampling/events/event_source_fixture.h"

#include <sys/eventfd.h>

#include <algorithm>
#include <map>

TEST_CASE("a socket whose stall times may grow is queried once a second without an event") {
  followed f;
  f.kernel.add(1);
  f.kernel.add(2);
  f.kernel.unsent[1] = 1000;
  f.touch(1);
  f.touch(2);
  (void)f.poll();
  std::size_t queried = 0;
  for (int i = 0; i < 300; ++i) {
    (void)f.poll();
    CHECK((f.kernel.queried.empty() || f.kernel.queried == cookies{1}));
    queried += f.kernel.queried.size();
  }
  CHECK(queried >= 2);
  CHECK(queried <= 3);
  // What it had to send is sent.
  f.kernel.unsent[1] = 0;
  f.touch(1);
  (void)f.poll();
  for (int i = 0; i < 300; ++i) {
    (void)f.poll();
    CHECK(f.kernel.queried.empty());
  }
}

TEST_CASE("sockets that only a dump has shown are queried for their stall times, too") {
  followed f;
  for (std::uint64_t c = 1; c <= 50; ++c) f.kernel.add(c);
  for (std::uint64_t c = 1; c <= 40; ++c) f.kernel.unsent[c] = 1000;
  CHECK(f.source.dump(f.sink).complete);
  std::map<std::uint64_t, int> queried;
  std::size_t most = 0;
  for (int i = 0; i < 100; ++i) {
    (void)f.poll();
    most = std::max(most, f.kernel.queried.size());
    for (const std::uint64_t c : f.kernel.queried) ++queried[c];
  }
  CHECK(queried.size() == 40);
  for (const auto& [cookie, times] : queried) {
    INFO(cookie);
    CHECK(cookie <= 40);
    CHECK(times >= 1);
    CHECK(times <= 2);
  }
  CHECK(most < 10);  // not all at once
}

TEST_CASE("the stall times of a connection that is excluded now wake nobody") {
  followed f;
  const collect::descriptor there(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  f.feed.descriptor = there.get();
  REQUIRE_FALSE(f.source.open());
  f.kernel.add(1);
  f.kernel.unsent[1] = 1000;
  CHECK(f.source.dump(f.sink).complete);
  for (int i = 0; i < 5; ++i) (void)f.poll();
  CHECK(f.source.rest() < f.kernel.now + 1'000 * ms);
  REQUIRE_FALSE(f.exclude.exclude(filter_rule::local_port(1001)));
  for (int i = 0; i < 120; ++i) {
    (void)f.poll();
    CHECK(f.kernel.queried.empty());
  }
  CHECK(f.source.rest() == f.kernel.now + 1'000 * ms);
}

TEST_CASE("queries for stall times end with the connection, whatever is left of it") {
  const auto queried_later = [](followed& f) {
    std::size_t queried = 0;
    for (int i = 0; i < 300; ++i) {
      (void)f.poll();
      queried += f.kernel.queried.size();
    }
    return queried;
  };
  followed f;
  f.kernel.add(1).state = tcp_state::fin_wait1;
  f.kernel.unsent[1] = 1;
  CHECK(f.source.dump(f.sink).complete);
  f.touch(1);
  (void)f.poll();
  // Its cookie is a time-wait socket's now, of which no event tells.
  f.kernel.sockets.at(1).state = tcp_state::time_wait;
  f.kernel.unsent[1] = 0;
  CHECK(queried_later(f) == 1);
  // One that has lost its port cannot be queried for.
  f.kernel.add(2).state = tcp_state::close_wait;
  f.kernel.unsent[2] = 1;
  f.touch(2);
  f.kernel.by_ports = false;
  f.kernel.sockets.at(2).sport = 0;
  (void)f.poll();
  CHECK(queried_later(f) == 0);
  // A dump shows that this one has nothing unsent any more.
  f.kernel.add(3);
  f.kernel.unsent[3] = 1;
  f.touch(3);
  (void)f.poll();
  f.kernel.unsent[3] = 0;
  CHECK(f.source.dump(f.sink).complete);
  CHECK(queried_later(f) == 0);
}

TEST_CASE("many stall times that are due at once make one dump, and no row of them") {
  followed f;
  f.kernel.dump_ns = 1 * ms;  // 250 queries
  for (std::uint64_t c = 1; c <= 600; ++c) {
    f.kernel.add(c);
    f.kernel.unsent[c] = 1;
  }
  CHECK(f.source.dump(f.sink).complete);
  CHECK_FALSE(f.poll().complete);
  f.kernel.now += 2'000 * ms;
  CHECK(f.poll().complete);
  CHECK_FALSE(f.feed.muted);
  CHECK_FALSE(f.poll().complete);
}

TEST_CASE("a dump does not put off a socket that is queried often") {
  followed f;
  f.kernel.add(1).state = tcp_state::close_wait;
  f.kernel.unsent[1] = 1;
  CHECK(f.source.dump(f.sink).complete);
  f.touch(1);
  (void)f.poll();
  (void)f.poll();
  CHECK(f.kernel.queried == cookies{1});
  f.kernel.now += 10 * ms;
  CHECK(f.source.dump(f.sink).complete);
  (void)f.poll();
  CHECK(f.kernel.queried == cookies{1});
}

TEST_CASE("a connection that is closed on one side is queried ever less often after an event") {
  for (const tcp_state state : {tcp_state::close_wait, tcp_state::fin_wait1, tcp_state::last_ack,
                                tcp_state::closing, tcp_state::established}) {
    INFO(static_cast<int>(state));
    followed f;
    f.kernel.add(1).state = state;
    f.kernel.unsent[1] = 1000;
    CHECK(f.source.dump(f.sink).complete);
    f.touch(1);
    (void)f.poll();
    std::vector<int> after_ms;
    for (int i = 1; i <= 230; ++i) {
      (void)f.poll();
      if (!f.kernel.queried.empty()) after_ms.push_back(i * 10);
    }
    if (state == tcp_state::established) {
      CHECK(after_ms == std::vector<int>{1'000, 2'000});
    } else if (state == tcp_state::close_wait) {
      // At each tick first, and then within an eighth of the time that has passed.
      REQUIRE(after_ms.size() > 20);
      CHECK(after_ms.size() < 30);
      for (std::size_t i = 1; i < after_ms.size(); ++i)
        CHECK(after_ms[i] - after_ms[i - 1] <= 10 + std::max(0, after_ms[i - 1] - 40) / 8 + 10);
      CHECK(std::vector<int>(after_ms.begin(), after_ms.begin() + 4) ==
            std::vector<int>{10, 20, 30, 40});
    } else {
      CHECK(after_ms == std::vector<int>{10, 30, 70, 150, 310, 630, 1'270, 2'270});
    }
    // Once all is acknowledged nothing is left to query.
    f.kernel.unsent[1] = 0;
    f.touch(1);
    (void)f.poll();
    for (int i = 0; i < 200; ++i) {
      (void)f.poll();
      CHECK(f.kernel.queried.empty());
    }
  }
}
