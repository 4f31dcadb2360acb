// SPDX-License-Identifier: Apache-2.0
//
// The end that receives.
#include "unit/analysis/why/made_history.h"

namespace {

constexpr auto receiver = why::view::receiver;

// Some 30 kB a round trip of 20 ms.
void receive(made_history& h, int rounds) {
  h.set(tcp_field::rcv_rtt, 20'000);
  for (int i = 0; i < rounds; ++i) h.grow(tcp_field::bytes_received, 30'000).after(20);
}

}  // namespace

TEST_CASE("a receiver whose program lets data lie is slow itself") {
  made_history h;
  h.rcvbuf = 131'072;
  h.set(tcp_field::rcv_wnd, 20'000).record();
  h.rqueue = 60'000;
  receive(h, 50);
  CHECK(h.cause(receiver) == "peer_reads_slowly");
  CHECK(h.examiner.verdicts().size() == 1);
}

TEST_CASE("a receiver whose window is full each round trip has too small a buffer") {
  made_history fixed;
  fixed.rcvbuf = 65'536;
  fixed.set(tcp_field::rcv_wnd, 31'000).record();
  receive(fixed, 50);
  CHECK(fixed.cause(receiver) == "peer_window");

  made_history tuned;
  tuned.rcvbuf = 32'768;
  tuned.set(tcp_field::rcv_wnd, 31'000).record();
  tuned.rcvbuf = 65'536;
  receive(tuned, 50);
  CHECK(tuned.cause(receiver) == "receive_autotuning");

  made_history roomy;
  roomy.rcvbuf = 65'536;
  roomy.set(tcp_field::rcv_wnd, 90'000).record();
  receive(roomy, 50);
  CHECK(roomy.cause(receiver) == "none");
}

TEST_CASE("a trickle that fills a window in seconds fills none in a round trip") {
  made_history h;
  h.rcvbuf = 32'768;
  h.set(tcp_field::rtt, 44).set(tcp_field::min_rtt, 30).set(tcp_field::rcv_wnd, 60'000).record();
  h.rcvbuf = 65'536;
  // What the kernel takes for a round trip is the time that the window took to come.
  h.set(tcp_field::rcv_rtt, 10'000'000);
  for (int i = 0; i < 50; ++i) h.grow(tcp_field::bytes_received, 60'000).after(10'000);
  CHECK(h.cause(receiver) == "none");
}

TEST_CASE("a receiver sees its own drops, and marks on the way") {
  const auto dropping = [](std::uint32_t memory) {
    made_history h;
    h.rcvbuf = 65'536;
    h.unread_memory = memory;
    h.set(tcp_field::rcv_wnd, 90'000).record();
    for (int i = 0; i < 20; ++i) {
      ++h.drops;
      receive(h, 1);
    }
    return h.cause(receiver);
  };
  CHECK(dropping(64'000) == "host_drops");
  // What came twice is dropped as well.
  CHECK(dropping(2'000) == "none");

  made_history with_ce;
  with_ce.set(tcp_field::rcv_wnd, 90'000).record();
  for (int i = 0; i < 20; ++i) {
    with_ce.grow(tcp_field::received_ce, 1);
    receive(with_ce, 1);
  }
  CHECK(with_ce.cause(receiver) == "ecn");
}

TEST_CASE("what was dropped is missing until it comes again") {
  const auto flow = [](std::uint32_t memory) {
    made_history h;
    h.rcvbuf = 65'536;
    h.set(tcp_field::rcv_wnd, 90'000).record();
    for (int i = 0; i < 10; ++i) {
      h.unread_memory = memory;
      ++h.drops;
      receive(h, 1);
      h.unread_memory = 0;
      for (int k = 0; k < 10; ++k) h.after(20);
      receive(h, 2);
    }
    return h.cause(receiver);
  };
  CHECK(flow(64'000) == "host_drops");
  CHECK(flow(0) == "cannot_tell");
}

TEST_CASE("drops hold until the window has grown back") {
  const auto flow = [](bool grows) {
    made_history h;
    h.rcvbuf = 65'536;
    h.set(tcp_field::rcv_wnd, 90'000).record();
    receive(h, 5);
    for (int i = 0; i < 5; ++i) {
      h.unread_memory = 64'000;
      h.drops += 5;
      h.set(tcp_field::rcv_wnd, 3'000);
      receive(h, 1);
      h.unread_memory = 0;
      for (std::uint64_t window = 6'000; window < 100'000; window *= 2) {
        if (grows) h.set(tcp_field::rcv_wnd, window);
        h.grow(tcp_field::bytes_received, 2'000).after(20);
      }
    }
    return h.seconds(why::cause::host_drops, receiver);
  };
  CHECK(flow(true) == Catch::Approx(0.6));
  // One that stays small is no longer of the drops.
  CHECK(flow(false) == Catch::Approx(0.1));
}

TEST_CASE("a pause behind drops is not theirs, though the window has not grown back") {
  const auto flow = [](std::int64_t pause_ms) {
    made_history h;
    h.rcvbuf = 65'536;
    h.set(tcp_field::rcv_wnd, 90'000).record();
    receive(h, 5);
    h.unread_memory = 64'000;
    h.drops += 5;
    h.set(tcp_field::rcv_wnd, 3'000);
    receive(h, 1);
    h.unread_memory = 0;
    h.set(tcp_field::rcv_wnd, 20'000).grow(tcp_field::bytes_received, 500).after(pause_ms);
    return h.seconds(why::cause::host_drops, receiver);
  };
  CHECK(flow(1'000) == Catch::Approx(1.02));
  CHECK(flow(60'000) == Catch::Approx(0.02));
}

TEST_CASE("what probes a window that unread data has closed is dropped, and the program slow") {
  made_history h;
  h.rcvbuf = 65'536;
  h.set(tcp_field::rcv_wnd, 20'000).record();
  h.rqueue = 60'000;
  h.unread_memory = 64'000;
  for (int i = 0; i < 20; ++i) {
    ++h.drops;
    h.after(20);
  }
  receive(h, 1);
  CHECK(h.cause(receiver) == "peer_reads_slowly");
}

TEST_CASE("what a receiver cannot know it does not say") {
  made_history h;
  h.set(tcp_field::rcv_wnd, 90'000).record();
  for (int i = 0; i < 20; ++i) {
    h.grow(tcp_field::rcv_ooopack, 5);
    receive(h, 1);
  }
  CHECK(h.cause(receiver) == "cannot_tell");
}

TEST_CASE("where nothing can be told of half the time, nothing is said of the whole") {
  made_history h;
  h.record();
  for (int i = 0; i < 3; ++i) receive(h, 1);
  for (int i = 0; i < 10; ++i) h.after(20);
  h.record();
  CHECK(h.cause(receiver) == "cannot_tell");
}

TEST_CASE("both ways that carry much have a verdict each") {
  made_history h;
  h.record();
  for (int i = 0; i < 20; ++i) h.pass(20).grow(tcp_field::bytes_received, 30'000).busy(20);
  CHECK(h.examiner.verdicts().size() == 2);
}
