// SPDX-License-Identifier: Apache-2.0
//
// The windows, the buffers and the sending program.
#include "unit/analysis/why/made_history.h"

TEST_CASE("a window that is full all the time is the peer's window") {
  made_history h;
  h.set(tcp_field::snd_wnd, 30'000).record();
  for (int i = 0; i < 50; ++i) h.pass(20).grow(tcp_field::rwnd_limited, 16'000).busy(20);
  CHECK(h.cause() == "peer_window");
  CHECK(h.seconds(why::cause::peer_window) == Approx(1.0));
  const why::verdict v = h.verdict();
  REQUIRE(v.phases.size() == 1);
  CHECK(v.phases[0].sentence.find("30.0 kB") != std::string::npos);
  CHECK(v.phases[0].sentence.find("12.0 Mbit/s") != std::string::npos);
  bool told = false;
  for (const why::evidence& e : v.phases[0].proof)
    told = told || (why::kernel_name_of(e.field) == "tcpi_rwnd_limited" && e.value == 800'000);
  CHECK(told);
}

TEST_CASE("a window that closes is a reader that is slow") {
  made_history h;
  h.record();
  for (int i = 0; i < 50; ++i)
    h.pass(5)
        .set(tcp_field::snd_wnd, i % 2 == 0 ? 0 : 20'000)
        .grow(tcp_field::rwnd_limited, 36'000)
        .busy(40);
  CHECK(h.cause() == "peer_reads_slowly");
  CHECK(h.seconds(why::cause::peer_window) == 0);
}

TEST_CASE("time stalled by the send buffer is the send buffer's") {
  made_history h;
  h.record();
  for (int i = 0; i < 50; ++i) h.pass(10).grow(tcp_field::sndbuf_limited, 12'000).busy(20);
  CHECK(h.cause() == "send_buffer");
}

TEST_CASE("a window far below what it was has shrunk, one that never was larger has not") {
  const auto flow = [](std::uint64_t before) {
    made_history h;
    h.set(tcp_field::snd_wnd, before).record();
    h.pass(20).busy(20);
    h.set(tcp_field::snd_wnd, 40'000);
    for (int i = 0; i < 50; ++i) h.pass(20).grow(tcp_field::rwnd_limited, 18'000).busy(20);
    return h.cause();
  };
  CHECK(flow(110'000) == "peer_reads_slowly");
  CHECK(flow(40'000) == "peer_window");
  CHECK(flow(20'000) == "peer_window");
}

TEST_CASE("a window that falls by what arrives and rises again is a reader's that is slow") {
  const auto flow = [](std::uint64_t unread, bool lossy) {
    made_history h;
    h.set(tcp_field::snd_wnd, 40'000).record();
    for (int i = 0; i < 50; ++i) {
      if (lossy) h.lose(1);
      h.pass(20).set(tcp_field::snd_wnd, 40'000 - unread);
      h.grow(tcp_field::rwnd_limited, 18'000).busy(20);
      h.set(tcp_field::snd_wnd, 40'000).grow(tcp_field::rwnd_limited, 18'000).busy(20);
    }
    return h.cause();
  };
  CHECK(flow(10'000, false) == "peer_reads_slowly");
  CHECK(flow(1'000, false) == "peer_window");
  // Segments behind a hole take room, too.
  CHECK(flow(10'000, true) != "peer_reads_slowly");
}

TEST_CASE("acknowledgements that wait for a slow reader are no queue") {
  const auto flow = [](std::uint64_t falls) {
    made_history h;
    h.set(tcp_field::snd_ssthresh, 40).set(tcp_field::snd_cwnd, 40).record();
    h.pass(40).busy(20).set(tcp_field::rtt, 60'000);
    for (int i = 0; i < 50; ++i) {
      h.pass(20).set(tcp_field::snd_wnd, 400'000 - falls).busy(30);
      h.pass(20).set(tcp_field::snd_wnd, 400'000).busy(30);
    }
    return h.cause();
  };
  CHECK(flow(20'000) == "peer_reads_slowly");
  CHECK(flow(0) == "shaped_bottleneck");
}

TEST_CASE("a moment without a cause between two of the program's is the program's") {
  const auto application = [](int between) {
    made_history h;
    h.record();
    for (int n = 0; n < 10; ++n) {
      h.set(tcp_field::delivery_rate_app_limited, 1).set(tcp_field::unacked, 5);
      for (int i = 0; i < 4; ++i) h.pass(5).busy(25);
      h.set(tcp_field::delivery_rate_app_limited, 0).set(tcp_field::unacked, 10);
      for (int i = 0; i < between; ++i) h.pass(10).busy(25);
    }
    return h.seconds(why::cause::application);
  };
  CHECK(application(2) == Approx(1.4).margin(0.06));
  CHECK(application(8) == Approx(1.0).margin(0.06));
}

TEST_CASE("a send buffer that is full is known by its memory, too") {
  const auto flow = [](std::uint32_t queued) {
    made_history h;
    h.rcvbuf = 131'072;
    h.sndbuf = 32'768;
    h.record();
    h.set(tcp_field::delivery_rate_app_limited, 1).set(tcp_field::unacked, 5);
    h.wmem_queued = queued;
    for (int i = 0; i < 50; ++i) h.pass(5).busy(25);
    return h.cause();
  };
  CHECK(flow(33'000) == "send_buffer");
  CHECK(flow(8'000) == "application");
}

TEST_CASE("each part of a round is given to what had it") {
  made_history h;
  h.record();
  for (int i = 0; i < 50; ++i) {
    h.pass(20).grow(tcp_field::rwnd_limited, 10'000).grow(tcp_field::busy_time, 40'000).after(100);
    h.pass(1);
  }
  // 60 ms of 100 idle, 10 stalled, 30 of the network.
  CHECK(h.cause() == "application");
  CHECK(h.seconds(why::cause::application) == Approx(3.0));
  CHECK(h.seconds(why::cause::peer_window) == Approx(0.5));
}

TEST_CASE("a program that writes little is told by the kernel's sampling, busy or not") {
  made_history h;
  h.record();
  h.set(tcp_field::delivery_rate_app_limited, 1).set(tcp_field::unacked, 5);
  for (int i = 0; i < 50; ++i) h.pass(5).busy(25);
  CHECK(h.cause() == "application");
  CHECK(h.seconds(why::cause::application) == Approx(1.25).margin(0.03));
}

TEST_CASE("a connection that is kept open after its last byte is not slow") {
  made_history h;
  h.record();
  for (int i = 0; i < 10; ++i) h.pass(10).busy(20);
  h.after(5'000);
  CHECK(h.cause() == "none");
  CHECK(h.seconds(why::cause::application) == 0);
}

TEST_CASE("a connection that does well has no cause") {
  made_history h;
  h.set(tcp_field::snd_ssthresh, 100).set(tcp_field::snd_cwnd, 100).record();
  for (int i = 0; i < 100; ++i) h.pass(100).busy(20);
  CHECK(h.cause() == "none");
  CHECK(h.seconds(why::cause::none) == Approx(2.0));
}

TEST_CASE("small writes that wait for delayed acknowledgements") {
  const auto cycles = [](made_history& h, int count, std::int64_t held) {
    h.set(tcp_field::rtt, 1'000).set(tcp_field::min_rtt, 1'000).record();
    for (int i = 0; i < count; ++i) {
      h.set(tcp_field::unacked, 1).set(tcp_field::notsent_bytes, 100).busy(10);
      h.set(tcp_field::unacked, 0).set(tcp_field::notsent_bytes, 0).pass(1).busy(held);
    }
  };
  made_history slow;
  cycles(slow, 20, 40);
  CHECK(slow.cause() == "delayed_ack_nagle");
  made_history once;
  cycles(once, 2, 40);
  CHECK(once.cause() != "delayed_ack_nagle");
  made_history quick;
  cycles(quick, 40, 10);
  CHECK(quick.cause() != "delayed_ack_nagle");
}

TEST_CASE("without the chronographs nobody can tell") {
  made_history h;
  h.info_size = 168;  // Linux 4.9
  h.set(tcp_field::snd_ssthresh, 100).record();
  for (int i = 0; i < 50; ++i) h.pass(100).busy(20);
  CHECK(h.cause() == "cannot_tell");
  CHECK(h.verdict().phases.front().sentence.find("busy_time") != std::string::npos);
}

TEST_CASE("a life of a few steps of the kernel's clock is too short to be divided") {
  made_history h;
  h.set(tcp_field::rtt, 1'000).set(tcp_field::snd_ssthresh, 100).record();
  h.pass(10).busy(6);
  h.pass(10).busy(6);
  h.pass(10);
  h.busy(1);
  CHECK(h.seconds(why::cause::application) == 0);
  CHECK(h.seconds(why::cause::cannot_tell) > 0);
}

TEST_CASE("one record is one moment; none is nothing") {
  made_history h;
  CHECK(h.examiner.verdicts().empty());
  h.record();
  CHECK(h.cause() == "cannot_tell");
  CHECK(h.verdict().phases.empty());
}

TEST_CASE("a record from before is not used, and said") {
  made_history h;
  h.record().pass(5).busy(100);
  h.now_ns -= 50'000'000;
  h.record();
  CHECK_FALSE(h.took);
}

TEST_CASE("an end that came before the last poll was read is last all the same") {
  made_history h;
  h.record().pass(5).busy(100);
  h.now_ns -= 50'000'000;
  h.socket.state = tcpinfo::tcp_state::close;
  h.record();
  CHECK(h.took);
}

TEST_CASE("a long life keeps its times in as many rounds as there is room for") {
  made_history h;
  h.record();
  for (int i = 0; i < 5'000; ++i) h.pass(20).grow(tcp_field::rwnd_limited, 16'000).busy(20);
  CHECK(h.cause() == "peer_window");
  CHECK(h.seconds(why::cause::peer_window) == Approx(100.0));
  CHECK(h.verdict().phases.back().last < 600);
}
