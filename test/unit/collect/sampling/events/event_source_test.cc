// SPDX-License-Identifier: Apache-2.0
//
// What a source that follows events queries.
#include "unit/collect/sampling/events/event_source_fixture.h"

TEST_CASE("a poll queries active sockets only, each once") {
  followed f;
  for (std::uint64_t c = 1; c <= 100; ++c) f.kernel.add(c);
  CHECK(f.source.follows());
  CHECK(f.source.dump(f.sink).complete);
  CHECK(f.sink.shown.size() == 100);
  poll_report r = f.poll();
  CHECK_FALSE(r.complete);
  CHECK_FALSE(r.error);
  CHECK(f.kernel.queried.empty());
  f.touch(7);
  f.touch(9);
  f.touch(7);
  r = f.poll();
  CHECK(f.kernel.queried == cookies{7, 9});
  CHECK(f.sink.shown == cookies{7, 9});
  CHECK(r.active == 3);
  CHECK(r.queries == 2);
  CHECK(f.poll().queries == 0);
  CHECK(f.kernel.dumps == 1);
  // A socket that has ended since is no fault.
  f.touch(8);
  f.kernel.sockets.erase(8);
  r = f.poll();
  CHECK(f.kernel.queried == cookies{8});
  CHECK_FALSE(r.error);
  CHECK(f.sink.shown.empty());
}

TEST_CASE("a socket active in the running tick is queried once more in the next poll") {
  followed f;
  f.kernel.add(1);
  CHECK(f.source.dump(f.sink).complete);
  f.touch(1, true);
  (void)f.poll();
  CHECK(f.kernel.queried == cookies{1});
  (void)f.poll();
  CHECK(f.kernel.queried == cookies{1});
  (void)f.poll();
  CHECK(f.kernel.queried.empty());
}

TEST_CASE("a socket whose event came a moment ago is queried once more in the next poll") {
  followed f;
  f.kernel.add(1);
  f.kernel.add(2);
  CHECK(f.source.dump(f.sink).complete);
  f.touch(1);
  f.touch(2);
  f.feed.made[0].time_ns = f.kernel.now + 10 * ms - 40'000;
  f.feed.made[1].time_ns = f.kernel.now + 10 * ms - 60'000;
  (void)f.poll();
  CHECK(f.kernel.queried == cookies{1, 2});
  (void)f.poll();
  CHECK(f.kernel.queried == cookies{1});
  (void)f.poll();
  CHECK(f.kernel.queried.empty());
}

TEST_CASE("a socket that becomes active during a dump is queried in the next poll") {
  followed f;
  f.kernel.add(1);
  f.kernel.add(2);
  f.touch(1);
  f.touch(2, true);
  CHECK(f.source.dump(f.sink).complete);
  (void)f.poll();
  CHECK(f.kernel.queried == cookies{2});
  (void)f.poll();
  CHECK(f.kernel.queried.empty());
}

TEST_CASE("activity before the source is opened does not count") {
  followed f;
  f.kernel.add(1);
  f.feed.muted = true;
  f.touch(1, true);
  f.feed.dropped = 5;
  REQUIRE_FALSE(f.source.open());
  CHECK_FALSE(f.feed.muted);
  const poll_report r = f.source.dump(f.sink);
  CHECK(r.active == 0);
  CHECK(r.dropped == 0);
  CHECK_FALSE(f.poll().complete);
  CHECK(f.kernel.queried.empty());
}

TEST_CASE("a socket whose message was not kept is queried again") {
  followed f;
  f.kernel.add(1);
  CHECK(f.source.dump(f.sink).complete);
  f.touch(1);
  f.sink.refuses = true;
  (void)f.poll();
  CHECK(f.kernel.queried == cookies{1});
  (void)f.poll();
  CHECK(f.kernel.queried == cookies{1});
  (void)f.poll();
  CHECK(f.kernel.queried.empty());
}

TEST_CASE("sockets without a cookie whose messages were not kept are queried again, each") {
  followed f;
  for (const std::uint64_t c : {1U, 2U}) {
    f.kernel.add(c);
    f.touch(c);
    f.feed.made.back().id.cookie = 0;
  }
  f.kernel.by_ports = true;
  f.sink.refuses_all = true;
  (void)f.poll();
  CHECK(f.sink.shown == cookies{1, 2});
  f.sink.refuses_all = false;
  (void)f.poll();
  CHECK(f.sink.shown == cookies{1, 2});
  (void)f.poll();
  CHECK(f.sink.shown.empty());
}

TEST_CASE("the source tells of a datagram once for the answers that it reads at once") {
  followed f;
  for (std::uint64_t c = 1; c <= 150; ++c) f.kernel.add(c);
  f.kernel.dump_ns = 1'000 * ms;
  (void)f.source.dump(f.sink);
  for (std::uint64_t c = 1; c <= 150; ++c) f.touch(c);
  f.sink.datagrams.clear();
  (void)f.poll();
  CHECK(f.kernel.queried.size() == 150);
  CHECK(f.sink.datagrams == std::vector<std::size_t>{0, 64, 128});
}

TEST_CASE("the source tells of the end of a socket's TCP, and does not query the socket") {
  followed f;
  f.kernel.add(1);
  (void)f.source.dump(f.sink);
  f.touch(1);
  f.feed.made.back().state = static_cast<std::uint8_t>(tcp_state::close);
  f.feed.made.back().state_changed = true;
  f.feed.made.back().id.sport = 0;
  f.feed.made.back().time_ns = 77;
  const poll_report r = f.poll();
  CHECK(f.sink.ends == std::map<std::uint64_t, std::int64_t>{{1, 77}});
  CHECK(f.sink.openings.empty());
  CHECK(f.kernel.queried.empty());
  CHECK(r.active == 0);
}

TEST_CASE("excluded connections are not queried, and their openings not told") {
  followed f;
  REQUIRE_FALSE(f.exclude.exclude(filter_rule::local_port(1001)));
  f.kernel.add(1);
  f.kernel.add(2);
  f.touch(1);
  f.touch(2);
  for (activity& m : f.feed.made) m.state_changed = true;
  (void)f.poll();
  CHECK(f.kernel.queried == cookies{2});
  CHECK(f.sink.openings.size() == 1);
  CHECK(f.sink.openings.contains(2));
}

TEST_CASE("after a query that failed the next poll dumps, because the activity is forgotten") {
  followed f;
  f.kernel.add(1);
  CHECK(f.source.dump(f.sink).complete);
  f.touch(1);
  f.kernel.queries_fail = true;
  poll_report r = f.poll();
  CHECK(r.error.value() == ENOBUFS);
  CHECK(f.sink.shown.empty());
  CHECK(f.source.rest() == 0);
  f.kernel.queries_fail = false;
  r = f.poll();
  CHECK(r.complete);
  CHECK(f.sink.shown == cookies{1});
  CHECK_FALSE(f.poll().complete);
}

TEST_CASE(
    "a dump that failed is made again, because the activity that it made up for is forgotten") {
  followed f;
  f.kernel.add(1);
  f.touch(1);
  f.kernel.dump_fails = true;
  CHECK(f.source.dump(f.sink).error);
  f.kernel.dump_fails = false;
  CHECK(f.poll().complete);
  CHECK_FALSE(f.poll().complete);
}

TEST_CASE("a connecting socket without a port is looked for where no segment went out") {
  followed f;
  f.kernel.add(1).state = tcp_state::syn_sent;
  activity m;
  m.id = f.kernel.id(1);
  m.id.sport = 0;
  m.tick = f.feed.tick;
  m.state = static_cast<std::uint8_t>(tcp_state::syn_sent);
  m.state_changed = true;
  m.time_ns = f.kernel.now;
  f.feed.made.push_back(m);
  (void)f.poll();
  CHECK(f.kernel.queried.empty());
  CHECK(f.sink.openings.at(1) == m.time_ns);
  CHECK(f.kernel.connecting_dumps == 1);
  CHECK(f.sink.shown == cookies{1});
  (void)f.poll();
  CHECK(f.kernel.connecting_dumps == 1);
  // The first segment makes a socket active, and its port known.
  f.kernel.add(2).state = tcp_state::syn_sent;
  m.id = f.kernel.id(2);
  m.id.sport = 0;
  f.feed.made.push_back(m);
  f.touch(2);
  for (int i = 0; i < 20; ++i) (void)f.poll();
  CHECK(f.kernel.connecting_dumps == 1);
}

TEST_CASE("polls are urgent while they are brief, and no longer one begins so") {
  source_options options;
  options.urgent_ns = 5 * ms;
  followed f(options);
  f.kernel.query_ns = 10'000;
  f.kernel.dump_ns = 100 * ms;
  for (std::uint64_t c = 1; c <= 1'000; ++c) f.kernel.add(c);
  CHECK(f.source.dump(f.sink).complete);
  const auto polls = [&](int count, std::uint64_t active) {
    for (int i = 0; i < count; ++i) {
      for (std::uint64_t c = 1; c <= active; ++c) f.touch(c);
      (void)f.poll();
    }
  };
  polls(99, 16);  // for 10 us each, which is learnt meanwhile
  CHECK(f.urgencies.empty());
  polls(50, 16);
  CHECK(f.urgencies == std::vector<bool>{true});
  // 4 ms, and 6.
  polls(10, 400);
  CHECK(f.urgencies == std::vector<bool>{true});
  polls(1, 600);
  CHECK(f.kernel.queried.size() == 600);
  CHECK(f.urgencies == std::vector<bool>{true, false});
  // One that is not brief begins it anew.
  polls(99, 0);
  polls(1, 600);
  polls(99, 0);
  CHECK(f.urgencies == std::vector<bool>{true, false});
  polls(1, 0);
  CHECK(f.urgencies == std::vector<bool>{true, false, true});
  (void)f.source.dump(f.sink);
  CHECK(f.urgencies == std::vector<bool>{true, false, true, false});
  // So does a dump of connecting sockets.
  polls(100, 0);
  CHECK(f.urgencies.size() == 5);
  activity m;
  m.id = f.kernel.id(1);
  m.id.sport = 0;
  m.state = static_cast<std::uint8_t>(tcp_state::syn_sent);
  m.time_ns = f.kernel.now - 100 * ms;
  f.feed.made.push_back(m);
  polls(1, 0);
  CHECK(f.kernel.connecting_dumps == 1);
  CHECK(f.urgencies == std::vector<bool>{true, false, true, false, true, false});
  // And stall times that are due, all at once.
  polls(100, 0);
  CHECK(f.urgencies.size() == 7);
  for (std::uint64_t c = 1; c <= 600; ++c) f.kernel.unsent[c] = 1;
  polls(1, 300);
  for (std::uint64_t c = 301; c <= 600; ++c) f.touch(c);
  (void)f.poll();
  CHECK(f.urgencies.size() == 7);
  f.kernel.now += 2'000 * ms;
  polls(1, 0);
  CHECK(f.kernel.queried.size() == 600);
  CHECK(f.urgencies.size() == 8);
}
