// SPDX-License-Identifier: Apache-2.0
//
// How connections end, as the collector tells it: each opens once and closes once, whatever the
// kernel shows of its socket, and whatever it does not.
#include "collect_run.h"

namespace {

// What is left of a socket that has closed.
made_socket mini_of(std::uint64_t cookie) {
  made_socket mini;
  mini.cookie = cookie;
  mini.state = tcp_state::fin_wait2;
  mini.timer = 3;
  mini.has_info = false;
  return mini;
}

}  // namespace

TEST_CASE("a mini socket of a connection that no dump has seen opens nothing") {
  run r;
  r.kernel.before_poll = [](scripted_kernel& k, std::uint64_t poll) {
    if (poll != 5) return;
    // It had no cookie when it closed, so that both are given one.
    made_socket whole;
    whole.cookie = 1;
    whole.state = tcp_state::close;
    k.events.push_back(whole);
    k.sockets[2] = mini_of(2);
  };
  CHECK(r.collect() == exit_ok);
  CHECK(r.count("connections") == 1);
  const auto files = read_all(r.output);
  REQUIRE(files.size() == 1);
  CHECK(files.contains(name_of(1, 0)));
}

TEST_CASE("a mini socket of the first look, or of the time after an overflow, is recorded") {
  run r;
  r.settings.reps = 1000;
  r.kernel.sockets[1] = mini_of(1);
  r.kernel.before_poll = [](scripted_kernel& k, std::uint64_t poll) {
    if (poll == 5) k.sockets[2] = mini_of(2);
    if (poll == 10) k.overflows = 1;
    // The event about it is among those that were lost, maybe.
    if (poll == 20) k.sockets[3] = mini_of(3);
    // Events have been heard for long again.
    if (poll == 900) k.sockets[4] = mini_of(4);
  };
  CHECK(r.collect() == exit_trouble);
  CHECK(r.count("lost_events") == 1);
  CHECK(r.count("losses") == 1);
  CHECK(r.count("connections") == 2);
  const auto files = read_all(r.output);
  CHECK(files.size() == 2);
  CHECK(files.contains(name_of(1, 0)));
  // That of which an event was heard opens nothing later either.
  CHECK_FALSE(files.contains(name_of(2, 0)));
  CHECK(files.contains(name_of(3, 0)));
}
