// SPDX-License-Identifier: Apache-2.0
//
// When a source that follows events dumps in place of queries.
#include "unit/collect/sampling/events/event_source_fixture.h"

TEST_CASE("where a dump is cheaper than queries polls dump, and the feed is muted meanwhile") {
  followed f;
  for (std::uint64_t c = 1; c <= 4000; ++c) f.kernel.add(c);
  CHECK(f.source.dump(f.sink).complete);
  const auto touch_first = [&](std::uint64_t n) {
    for (std::uint64_t c = 1; c <= n; ++c) f.touch(c);
  };
  // 10 ms are 2,500 queries of 4 us. Below the threshold it queries.
  for (int i = 0; i < 5; ++i) {
    touch_first(2000);
    const poll_report r = f.poll();
    CHECK_FALSE(r.complete);
    CHECK(r.queries == 2000);
  }
  CHECK(f.kernel.dumps == 1);
  // Above it it dumps a number of times, and then finds out whether that is still cheaper.
  touch_first(3500);
  CHECK(f.poll().complete);
  CHECK(f.kernel.queried.empty());
  CHECK(f.feed.muted);
  for (int i = 0; i < 16; ++i) {
    CHECK(f.poll().complete);
    CHECK(f.feed.muted == (i < 15));
  }
  CHECK(f.kernel.dumps == 18);
  touch_first(3500);
  CHECK(f.poll().complete);
  CHECK(f.feed.muted);
  for (int i = 0; i < 16; ++i) CHECK(f.poll().complete);
  // Quiet again.
  f.touch(5);
  CHECK_FALSE(f.poll().complete);
  CHECK(f.kernel.queried == cookies{5});
  CHECK(f.feed.mutings == std::vector<bool>{true, false, true, false});
}

TEST_CASE("only sockets to query are compared with a dump") {
  followed f;
  REQUIRE_FALSE(f.exclude.exclude(filter_rule::local_port(1001)));
  for (std::uint64_t c = 1; c <= 100; ++c) f.kernel.add(c);
  f.kernel.sockets.at(100).sport = 1001;
  f.kernel.dump_ns = 400'000;  // 100 queries
  CHECK(f.source.dump(f.sink).complete);
  for (int i = 0; i < 500; ++i) {
    f.touch(1);
    f.touch(100);
    f.touch(2);
  }
  CHECK_FALSE(f.poll().complete);
  CHECK(f.kernel.queried == cookies{2});
}

TEST_CASE("a stop of the process during queries does not make it dump for good") {
  followed f;
  for (std::uint64_t c = 1; c <= 1000; ++c) f.kernel.add(c);
  CHECK(f.source.dump(f.sink).complete);
  const auto touch_some = [&] {
    for (std::uint64_t c = 1; c <= 500; ++c) f.touch(c);
  };
  touch_some();
  f.kernel.query_ns = 6 * ms;  // stopped for three seconds in all
  (void)f.poll();
  f.kernel.query_ns = 4'000;
  for (int i = 0; i < 5; ++i) {
    touch_some();
    CHECK_FALSE(f.poll().complete);
  }
  // Where queries were dear for long it tries them again.
  f.kernel.query_ns = 100'000;
  int polls = 0;
  for (bool dumps = false; !dumps; ++polls) {
    REQUIRE(polls < 100);
    touch_some();
    dumps = f.poll().complete;
  }
  f.kernel.query_ns = 4'000;
  for (bool dumps = true; dumps; ++polls) {
    REQUIRE(polls < 2000);
    if (!f.feed.muted) touch_some();
    dumps = f.poll().complete;
  }
}

TEST_CASE("activity that found no room makes the poll dump, and is counted") {
  followed f;
  f.kernel.add(1);
  CHECK(f.source.dump(f.sink).complete);
  f.feed.dropped = 3;
  poll_report r = f.poll();
  CHECK(r.complete);
  CHECK(r.dropped == 3);
  CHECK(f.sink.shown == cookies{1});
  r = f.poll();
  CHECK_FALSE(r.complete);
  CHECK(r.dropped == 0);
}

TEST_CASE(
    "where activity finds no room again and again polls dump, and the feed is muted meanwhile") {
  followed f;
  f.kernel.add(1);
  CHECK(f.source.dump(f.sink).complete);
  for (int i = 1; i <= 3; ++i) {
    CHECK_FALSE(f.feed.muted);
    ++f.feed.dropped;
    const poll_report r = f.poll();
    CHECK(r.complete);
    CHECK(r.dropped == 1);
  }
  CHECK(f.feed.muted);
  for (int i = 0; i < 16; ++i) CHECK(f.poll().complete);
  CHECK_FALSE(f.feed.muted);
  CHECK_FALSE(f.poll().complete);
}
