// SPDX-License-Identifier: Apache-2.0
//
// When a source that follows events lets the sampler sleep, and what wakes it.
#include "unit/collect/sampling/events/event_source_fixture.h"

#include <poll.h>
#include <sys/eventfd.h>

TEST_CASE("where there is no activity the source rests until the next") {
  const collect::descriptor there(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  const auto readable = [](int fd) {
    pollfd watched{fd, POLLIN, 0};
    return ::poll(&watched, 1, 0) > 0;
  };
  followed f;
  f.feed.descriptor = there.get();
  REQUIRE_FALSE(f.source.open());
  f.kernel.add(1);
  CHECK(f.source.dump(f.sink).complete);
  // Only where it was quiet for some polls.
  const auto polls_until_rest = [&] {
    for (int polls = 0;; ++polls) {
      REQUIRE(polls < 10);
      if (f.source.rest() != 0) return polls;
      (void)f.poll();
    }
  };
  CHECK(polls_until_rest() == 4);
  CHECK(f.source.rest() == f.kernel.now + 1'000 * ms);
  CHECK(f.source.rests());
  CHECK(f.feed.wanted);
  CHECK_FALSE(readable(f.source.descriptor()));
  // Activity.
  REQUIRE(::eventfd_write(there.get(), 1) == 0);
  CHECK(readable(f.source.descriptor()));
  f.touch(1);
  CHECK_FALSE(f.source.drain(f.sink));
  CHECK_FALSE(f.source.rests());
  CHECK(f.source.rest() == 0);
  (void)f.poll();
  CHECK(f.kernel.queried == cookies{1});
  CHECK_FALSE(f.feed.wanted);
  // The feed is readable still, but outside a rest that wakes nobody.
  CHECK_FALSE(readable(f.source.descriptor()));
  CHECK(polls_until_rest() == 4);
  // An excluded connection's does not count; the next activity wakes all the same.
  activity m;
  ip_prefix unwanted;
  REQUIRE_FALSE(parse_ip_prefix("192.0.2.0/24", unwanted));
  REQUIRE_FALSE(f.exclude.exclude(filter_rule::remote_prefix(unwanted)));
  made_socket other;
  other.dst = "192.0.2.7";
  m.id = other.view().id();
  m.state = static_cast<std::uint8_t>(tcp_state::syn_sent);
  m.state_changed = true;
  f.feed.made.push_back(m);
  f.feed.wanted = false;  // it has woken the reader
  CHECK_FALSE(f.source.drain(f.sink));
  CHECK(f.source.rests());
  CHECK(f.feed.wanted);
  m = {};
  (void)f.poll();
  // A connecting socket without a port keeps it awake until it was looked for.
  m.time_ns = f.kernel.now + 8 * ms;
  m.id = f.kernel.id(1);
  m.id.sport = 0;
  m.state = static_cast<std::uint8_t>(tcp_state::syn_sent);
  f.feed.made.push_back(m);
  (void)f.poll();
  CHECK(f.source.rest() == 0);
  CHECK(polls_until_rest() == 1);
  CHECK(f.kernel.connecting_dumps == 1);
  // Where stall times may grow it rests for less.
  f.kernel.unsent[1] = 10;
  f.touch(1);
  (void)f.poll();
  CHECK(polls_until_rest() == 4);
  CHECK(f.source.rest() == f.kernel.now + 100 * ms);
  std::size_t queried = 0;
  for (int i = 0; i < 30; ++i) {
    f.kernel.now += 90 * ms;
    (void)f.poll();
    queried += f.kernel.queried.size();
  }
  CHECK(queried >= 2);  // in three seconds
  CHECK(queried <= 3);
}

TEST_CASE("a result of the reconciler ends a rest, and wakes nobody outside one") {
  const collect::descriptor there(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  fake_kernel other;
  fake_kernel kernel;
  fake_activity feed;
  feed.descriptor = there.get();
  recording_sink sink;
  source_options options;
  options.reconcile_ns = 20 * ms;  // of the real time
  event_source source(options,
                      {std::make_unique<fake_source>(kernel), std::make_unique<fake_feed>(feed),
                       std::make_unique<fake_source>(other), [&] { return kernel.now; },
                       [&] { return kernel.now; }, nullptr});
  REQUIRE_FALSE(source.open());
  const auto readable_in = [&](int milliseconds) {
    pollfd watched{source.descriptor(), POLLIN, 0};
    return ::poll(&watched, 1, milliseconds) > 0;
  };
  // The first result is there, and nobody has taken it.
  CHECK_FALSE(readable_in(100));
  bool told = false;
  for (int polls = 0; polls < 1000 && !told; ++polls) {
    (void)source.poll(sink);
    if (source.rest() == 0) continue;
    told = readable_in(10'000);
    CHECK_FALSE(source.rests());
    CHECK_FALSE(source.drain(sink));
    CHECK_FALSE(readable_in(0));
  }
  CHECK(told);
}
