// SPDX-License-Identifier: Apache-2.0
//
// What is inferred: queues, losses, timeouts, slow start.
#include "unit/analysis/why/made_history.h"

namespace {

// Out of slow start, at a window of 40 segments.
void leave_slow_start(made_history& h) {
  h.set(tcp_field::snd_ssthresh, 40).set(tcp_field::snd_cwnd, 40).record();
  h.pass(40).busy(20);
}

// Five rounds of slow start. @return the window behind them.
std::uint64_t double_the_window(made_history& h) {
  std::uint64_t cwnd = 10;
  for (int i = 0; i < 5; ++i) {
    h.pass(cwnd);
    cwnd *= 2;
    h.set(tcp_field::snd_cwnd, cwnd).busy(20);
  }
  return cwnd;
}

void queue(made_history& h, std::uint64_t rtt_us, int rounds) {
  for (int i = 0; i < rounds; ++i)
    h.pass(40).set(tcp_field::rtt, rtt_us).busy(static_cast<std::int64_t>(rtt_us / 1000));
}

}  // namespace

TEST_CASE("a steady rate and a queue are a bottleneck") {
  made_history h;
  leave_slow_start(h);
  queue(h, 45'000, 60);
  CHECK(h.cause() == "shaped_bottleneck");
  CHECK(h.verdict().sentence.find("Mbit/s") != std::string::npos);
}

TEST_CASE("a queue of more than 100 ms is bufferbloat") {
  made_history h;
  leave_slow_start(h);
  queue(h, 150'000, 60);
  CHECK(h.cause() == "bufferbloat");
}

TEST_CASE("a queue counts by what waited in it, not by the rounds that it makes long") {
  // A tenth of all bytes waited 150 ms, in 3 rounds of 200.
  const auto flow = [](std::uint64_t bytes_in_queue) {
    made_history h;
    leave_slow_start(h);
    queue(h, 30'000, 197);
    for (int i = 0; i < 3; ++i) h.pass(bytes_in_queue).set(tcp_field::rtt, 170'000).busy(170);
    queue(h, 30'000, 1);
    return h.cause();
  };
  CHECK(flow(300) == "bufferbloat");
  CHECK(flow(40) == "shaped_bottleneck");
}

TEST_CASE("jitter is no queue, and neither is noise of hosts") {
  made_history jitter;
  jitter.set(tcp_field::rttvar, 12'000);
  leave_slow_start(jitter);
  queue(jitter, 45'000, 60);
  CHECK(jitter.cause() == "none");
  made_history noise;
  noise.set(tcp_field::min_rtt, 500);
  noise.set(tcp_field::snd_ssthresh, 40).set(tcp_field::snd_cwnd, 40).set(tcp_field::rtt, 2'500);
  noise.record();
  for (int i = 0; i < 60; ++i) noise.pass(400).busy(20);
  CHECK(noise.cause() == "none");
}

TEST_CASE("a queue is steady by what is around it, not by a faster time before") {
  made_history h;
  h.set(tcp_field::snd_ssthresh, 200).set(tcp_field::snd_cwnd, 200).record();
  for (int i = 0; i < 100; ++i) h.pass(200).busy(20);
  h.set(tcp_field::snd_cwnd, 40);
  queue(h, 45'000, 60);
  CHECK(h.seconds(why::cause::shaped_bottleneck) > 2);
}

TEST_CASE("a delay that stays while window and rate grow is the path's") {
  // Jitter of packets that stay in order: late by 10 ms on the mean, and evenly so.
  made_history h;
  h.set(tcp_field::snd_ssthresh, 20).set(tcp_field::snd_cwnd, 20).record();
  h.pass(20).busy(20);
  h.set(tcp_field::rtt, 30'000);
  for (std::uint64_t i = 0; i < 60; ++i) h.set(tcp_field::snd_cwnd, 20 + i).pass(20 + i).busy(30);
  CHECK(h.seconds(why::cause::shaped_bottleneck) == 0);
  CHECK(h.cause() == "none");
}

TEST_CASE("a path that is full whatever the window is, is congested by others") {
  const auto full = [](bool own, bool reordered = false) {
    made_history h;
    h.set(tcp_field::min_rtt, own ? 20'000 : 60'000).set(tcp_field::rttvar, 8'000);
    h.set(tcp_field::rtt, own ? 20'000 : 60'000);
    h.set(tcp_field::snd_ssthresh, 20).set(tcp_field::snd_cwnd, 20).record();
    h.set(tcp_field::notsent_bytes, 100'000);
    for (std::uint64_t i = 0; i < 120; ++i) {
      const std::uint64_t cwnd = 8 + i % 24;
      if (cwnd == 31) h.lose(2);
      if (cwnd == 31 && reordered) h.grow(tcp_field::dsack_dups, 2).grow(tcp_field::reord_seen, 1);
      const std::uint64_t rtt = own ? 20'000 + 1'000 * cwnd : i % 2 == 0 ? 80'000 : 84'000;
      h.set(tcp_field::snd_cwnd, cwnd).set(tcp_field::rtt, rtt);
      h.pass(own ? 8 : cwnd).busy(static_cast<std::int64_t>(rtt / 1000));
    }
    h.set(tcp_field::notsent_bytes, 0).pass(1).busy(80);
    return h.cause();
  };
  CHECK(full(false) == "congested_path");
  CHECK(full(true) != "congested_path");
  // What came twice had not been lost, and nothing was full.
  CHECK(full(false, true) != "congested_path");
}

TEST_CASE("what fits into the first window waits for nothing") {
  made_history h;
  h.set(tcp_field::rtt, 100'000).set(tcp_field::min_rtt, 100'000).record();
  h.set(tcp_field::delivery_rate_app_limited, 1).set(tcp_field::unacked, 6);
  h.grow(tcp_field::bytes_sent, 6 * made_history::mss).grow(tcp_field::data_segs_out, 6).busy(2);
  h.set(tcp_field::unacked, 0).set(tcp_field::snd_cwnd, 16);
  h.grow(tcp_field::bytes_acked, 6 * made_history::mss).grow(tcp_field::delivered, 6).busy(100);
  h.after(10);
  CHECK(h.cause() == "none");
  CHECK(h.seconds(why::cause::application) == 0);
  CHECK(h.seconds(why::cause::slow_start_never_left) == 0);
}

TEST_CASE("losses without a queue are random, those behind one are the bottleneck's") {
  const auto lossy = [](std::uint64_t rtt_us) {
    made_history h;
    leave_slow_start(h);
    std::uint64_t cwnd = 40;
    // At distances that no token bucket makes.
    for (int i = 0; i < 200; ++i) {
      const bool lost = i % 31 == 3 || i % 47 == 5 || (i > 90 && i % 9 == 0);
      if (lost) {
        h.lose(3);
        cwnd = 10 + static_cast<std::uint64_t>(i % 7);
      } else {
        ++cwnd;
      }
      // What passes a bottleneck does not depend on the window.
      h.pass(rtt_us > 20'000 ? 25 : cwnd).set(tcp_field::snd_cwnd, cwnd);
      h.set(tcp_field::rtt, rtt_us).busy(static_cast<std::int64_t>(rtt_us / 1000));
    }
    return h.cause();
  };
  CHECK(lossy(20'000) == "random_loss");
  CHECK(lossy(40'000) == "shaped_bottleneck");
}

TEST_CASE("a queue that is short beside the round trip tells a loss all the same") {
  const auto flow = [](std::uint64_t queue_us) {
    made_history h;
    h.set(tcp_field::min_rtt, 150'000).set(tcp_field::rtt, 150'000);
    leave_slow_start(h);
    std::uint64_t cwnd = 30;
    for (int i = 0; i < 120; ++i) {
      const bool lost = cwnd >= 60;
      if (lost) h.lose(1);
      cwnd = lost ? 30 : cwnd + 1;
      const std::uint64_t queued = cwnd > 50 ? queue_us : 0;
      h.set(tcp_field::snd_cwnd, cwnd).set(tcp_field::rtt, 150'000 + queued).pass(cwnd).busy(150);
    }
    return h.cause();
  };
  CHECK(flow(20'000) == "shaped_bottleneck");
  CHECK(flow(2'000) != "shaped_bottleneck");
}

TEST_CASE("a handshake that waited in a queue tells a path that was full before") {
  const auto flow = [](std::uint64_t handshake_us) {
    made_history h;
    h.set(tcp_field::min_rtt, 60'000).set(tcp_field::rtt, handshake_us).record();
    h.set(tcp_field::snd_ssthresh, 20).set(tcp_field::snd_cwnd, 20);
    h.set(tcp_field::notsent_bytes, 100'000);
    for (std::uint64_t i = 0; i < 120; ++i) {
      const std::uint64_t cwnd = 16 + i % 24;
      if (cwnd == 39) h.lose(2);
      const std::uint64_t rtt = 60'000 + 1'500 * cwnd;
      h.set(tcp_field::snd_cwnd, cwnd).set(tcp_field::rtt, rtt);
      h.pass(20).busy(static_cast<std::int64_t>(rtt / 1000));
    }
    h.set(tcp_field::notsent_bytes, 0).pass(1).busy(80);
    return h.cause();
  };
  CHECK(flow(80'000) == "congested_path");
  CHECK(flow(60'000) == "shaped_bottleneck");
}

TEST_CASE("one loss costs the window, but where all was sent it says nothing") {
  const auto flow = [](int later) {
    made_history h;
    leave_slow_start(h);
    for (int i = 0; i < 10; ++i) h.pass(40).busy(20);
    h.lose(1).set(tcp_field::snd_cwnd, 20).pass(20).busy(20);
    for (std::uint64_t i = 0; i < 50; ++i) {
      if (i < static_cast<std::uint64_t>(later)) h.pass(20 + i / 4);
      h.set(tcp_field::snd_cwnd, 20 + i / 4).busy(20);
    }
    return h.cause();
  };
  CHECK(flow(50) == "random_loss");
  CHECK(flow(0) == "cannot_tell");
}

TEST_CASE("the timeouts of a policer are the policer's") {
  const auto flow = [](bool policed) {
    made_history h;
    leave_slow_start(h);
    for (int i = 0; i < 200; ++i) {
      const bool lost = policed ? i % 5 == 0 : i % 50 == 7;
      const bool timeout = i % 25 == 10;
      if (lost || timeout) h.lose(3);
      if (timeout) h.grow(tcp_field::total_rto, 1);
      h.set(tcp_field::snd_cwnd, 30 + static_cast<std::uint64_t>(i % 5));
      h.pass(policed ? 30 : 10 + static_cast<std::uint64_t>(i) / 4).busy(20);
    }
    return h.verdict();
  };
  const auto seconds = [](const why::verdict& v, why::cause c) {
    return static_cast<double>(v.times[why::index_of(c)]) / 1e9;
  };
  CHECK(why::name_of(flow(true).main) == "policer");
  CHECK(seconds(flow(true), why::cause::rto_stall) == 0);
  CHECK(seconds(flow(false), why::cause::rto_stall) > 0.1);
}

TEST_CASE("a bucket that fills while a timeout is waited for has all these timeouts") {
  // A full bucket passes within a moment, and what is lost then is lost again when it is sent again
  // at once: only the timer, ten round trips later, finds tokens.
  const auto flow = [](std::uint64_t lost, bool passes) {
    made_history h;
    h.set(tcp_field::ca_state, 0);
    leave_slow_start(h);
    for (int i = 0; i < 12; ++i) {
      if (passes || i == 0) h.pass(8);
      h.lose(1).busy(20);
      h.grow(tcp_field::total_rto, 1).lose(lost - 1).busy(200);
      if (passes) h.pass(2);
      h.busy(20);
    }
    return h.cause();
  };
  CHECK(flow(4, true) == "policer");
  // Nothing passes an interrupted path between two timeouts.
  CHECK(flow(4, false) == "rto_stall");
  // A single segment that is lost, and lost again, may be of chance.
  CHECK(flow(2, true) == "rto_stall");
}

TEST_CASE("losses one by one are random, however steady the rate is") {
  const auto flow = [](std::uint64_t lost) {
    made_history h;
    leave_slow_start(h);
    for (int i = 0; i < 250; ++i) {
      if (i % 5 == 0) h.lose(lost);
      h.set(tcp_field::snd_cwnd, 30 + static_cast<std::uint64_t>(i % 5)).pass(30).busy(20);
    }
    return h.cause();
  };
  CHECK(flow(1) == "random_loss");
  CHECK(flow(2) == "policer");
}

TEST_CASE("losses whenever a token bucket is empty are a policer's") {
  made_history h;
  leave_slow_start(h);
  // The bucket gets 30 segments a round trip and holds 60.
  double tokens = 60;
  double cwnd = 40;
  for (int i = 0; i < 250; ++i) {
    const auto sent = static_cast<std::uint64_t>(cwnd);
    tokens = std::min(60.0, tokens + 30);
    const std::uint64_t passed = std::min(sent, static_cast<std::uint64_t>(tokens));
    tokens -= static_cast<double>(passed);
    h.pass(passed);
    if (passed < sent) {
      h.lose(sent - passed);
      cwnd = std::max(10.0, cwnd / 2);
    } else {
      cwnd += 2;
    }
    h.set(tcp_field::snd_cwnd, static_cast<std::uint64_t>(cwnd)).busy(20);
  }
  CHECK(h.cause() == "policer");
}

TEST_CASE("losses in bunches, a token bucket's but for the first one, are a policer's") {
  // Behind the first loss the bucket was filled once more than its rate does, so that the mean from
  // there is none of its own.
  const auto flow = [](std::uint64_t bunch) {
    made_history h;
    leave_slow_start(h);
    h.lose(bunch).pass(30).busy(20);
    for (int i = 0; i < 3; ++i) h.pass(100).busy(20);
    for (int i = 0; i < 250; ++i) {
      if (i % 5 == 0) h.lose(bunch);
      h.set(tcp_field::snd_cwnd, 30 + static_cast<std::uint64_t>(i % 5)).pass(30).busy(20);
    }
    return h.cause();
  };
  CHECK(flow(4) == "policer");
  CHECK(flow(1) != "policer");
}

TEST_CASE("BBR that keeps its rate for longer than its cycle has found a policer") {
  const auto flow = [](bool cycles, std::uint64_t lost) {
    made_history h;
    h.bbr_gain = 739;
    leave_slow_start(h);
    for (int i = 0; i < 200; ++i) {
      h.bbr_gain = i < 10 ? 739 : cycles && i % 8 == 0 ? 320 : 256;
      if (i < 10) h.lose(lost);
      h.pass(10).busy(10).pass(10).busy(10);
    }
    return h.cause();
  };
  CHECK(flow(false, 40) == "policer");
  CHECK(flow(true, 40) != "policer");
  CHECK(flow(false, 2) == "none");
}

TEST_CASE("BBR does not slow down for a few losses") {
  made_history h;
  h.bbr_gain = 256;
  leave_slow_start(h);
  for (int i = 0; i < 100; ++i) {
    if (i % 5 == 0) h.lose(1);
    h.pass(40).busy(20);
  }
  CHECK(h.cause() == "none");
}

TEST_CASE("while BBR looks for the rate, losses do slow it down") {
  const auto flow = [](std::uint32_t gain) {
    made_history h;
    h.bbr_gain = gain;
    leave_slow_start(h);
    for (int i = 0; i < 20; ++i) {
      if (i % 5 == 1) h.lose(1);
      h.pass(40).busy(20);
    }
    return h.cause();
  };
  CHECK(flow(739) == "random_loss");
  CHECK(flow(256) == "none");
}

TEST_CASE("BBR's quiet phases") {
  made_history h;
  h.bbr_gain = 88;
  h.set(tcp_field::snd_cwnd, 40).record();
  for (int i = 0; i < 20; ++i) h.pass(20).busy(20);
  CHECK(h.cause() == "bbr_phase");
}

TEST_CASE("BBR drains for as long as its gain says so, wherever a round trip begins") {
  made_history h;
  h.bbr_gain = 739;
  h.set(tcp_field::snd_cwnd, 40).record();
  // Round trips are long by the queue that is drained.
  h.set(tcp_field::rtt, 100'000);
  const auto go_on = [&h](std::uint32_t gain, int tens_of_ms) {
    h.bbr_gain = gain;
    for (int i = 0; i < tens_of_ms; ++i) h.pass(10).busy(10);
  };
  go_on(739, 37);
  go_on(88, 8);
  go_on(256, 46);
  CHECK(h.seconds(why::cause::bbr_phase) == Catch::Approx(0.08));
  const why::verdict v = h.verdict();
  const auto phase = std::find_if(v.phases.begin(), v.phases.end(), [](const why::phase& p) {
    return p.of == why::cause::bbr_phase;
  });
  REQUIRE(phase != v.phases.end());
  CHECK(phase->begin_ns - made_history::begin_ns == 370'000'000);
  CHECK(phase->end_ns - made_history::begin_ns == 450'000'000);
}

TEST_CASE("marks slow down as losses do") {
  made_history h;
  leave_slow_start(h);
  for (std::uint64_t i = 0; i < 100; ++i) {
    if (i % 10 == 0) h.grow(tcp_field::delivered_ce, 3);
    h.set(tcp_field::snd_cwnd, 20 + i % 10).pass(20).busy(20);
  }
  CHECK(h.cause() == "ecn");
}

TEST_CASE("what arrived twice and out of order was reordered, not lost") {
  const auto flow = [](bool twice) {
    made_history h;
    leave_slow_start(h);
    for (std::uint64_t i = 0; i < 100; ++i) {
      if (i % 10 == 0) {
        h.lose(2);
        if (twice) h.grow(tcp_field::dsack_dups, 2).grow(tcp_field::reord_seen, 1);
      }
      h.set(tcp_field::snd_cwnd, 20 + i % 10).pass(20).busy(20);
    }
    return h.cause();
  };
  CHECK(flow(true) == "reordering");
  CHECK(flow(false) != "reordering");
}

TEST_CASE("reordering that interrupts slow start costs its doubling to the end") {
  const auto flow = [](bool reordered) {
    made_history h;
    h.set(tcp_field::notsent_bytes, 1'000'000).record();
    std::uint64_t cwnd = 10;
    for (int i = 0; i < 14; ++i) {
      if (i == 1 && reordered)
        h.lose(1).grow(tcp_field::dsack_dups, 1).grow(tcp_field::reord_seen, 1);
      h.pass(cwnd);
      cwnd += cwnd / 3;
      h.set(tcp_field::snd_cwnd, cwnd).busy(20);
    }
    return h.cause();
  };
  CHECK(flow(true) == "reordering");
  CHECK(flow(false) == "slow_start_never_left");
}

TEST_CASE("a cap on pacing holds where its rate is reached") {
  const auto flow = [](std::uint64_t segments) {
    made_history h;
    h.set(tcp_field::max_pacing_rate, 1'000'000).set(tcp_field::pacing_rate, 1'000'000);
    leave_slow_start(h);
    for (int i = 0; i < 100; ++i) h.pass(segments).busy(20);
    return h.cause();
  };
  CHECK(flow(13) == "pacing_cap");
  CHECK(flow(6) == "none");
}

namespace {

// Data, a silence with timeouts, and data again.
made_history stalled(std::uint64_t unacked, std::uint64_t notsent, std::uint64_t twice) {
  made_history h;
  leave_slow_start(h);
  for (int i = 0; i < 20; ++i) h.pass(40).busy(20);
  h.set(tcp_field::unacked, unacked).set(tcp_field::notsent_bytes, notsent).busy(5);
  for (std::uint64_t n = 1; n <= 2; ++n)
    h.lose(1)
        .set(tcp_field::retransmits, n)
        .set(tcp_field::ca_state, 4)
        .grow(tcp_field::total_rto, 1)
        .busy(static_cast<std::int64_t>(220 * n));
  h.set(tcp_field::retransmits, 0).set(tcp_field::ca_state, 0).set(tcp_field::notsent_bytes, 0);
  h.set(tcp_field::unacked, 0).pass(unacked).grow(tcp_field::dsack_dups, twice).busy(440);
  for (int i = 0; i < 10; ++i) h.pass(40).busy(20);
  return h;
}

}  // namespace

TEST_CASE("silence that ends by timeouts is a stall") {
  const made_history h = stalled(40, 100'000, 0);
  CHECK(h.cause() == "rto_stall");
  CHECK(h.seconds(why::cause::rto_stall) == Approx(1.1).margin(0.05));
}

TEST_CASE("a stall is one, also while the window's clock runs on") {
  made_history h;
  h.set(tcp_field::snd_wnd, 60'000);
  leave_slow_start(h);
  for (int i = 0; i < 10; ++i) h.pass(40).grow(tcp_field::rwnd_limited, 20'000).busy(20);
  h.set(tcp_field::unacked, 40).set(tcp_field::notsent_bytes, 100'000).busy(5);
  for (std::uint64_t n = 1; n <= 2; ++n)
    h.lose(1)
        .set(tcp_field::retransmits, n)
        .grow(tcp_field::total_rto, 1)
        .grow(tcp_field::rwnd_limited, 220'000 * n)
        .busy(static_cast<std::int64_t>(220 * n));
  h.set(tcp_field::retransmits, 0).pass(40).grow(tcp_field::rwnd_limited, 440'000).busy(440);
  CHECK(h.cause() == "rto_stall");
  CHECK(h.seconds(why::cause::rto_stall) == Approx(1.1).margin(0.05));
}

TEST_CASE("a stall of the last data is a tail loss") {
  CHECK(stalled(2, 0, 0).cause() == "tail_loss");
}

TEST_CASE("what a probe of the tail sends again is the tail's, and not lost at random") {
  const auto flow = [](std::uint64_t unacked) {
    made_history h;
    h.set(tcp_field::delivery_rate_app_limited, 1);
    leave_slow_start(h);
    for (int i = 0; i < 40; ++i) {
      // A message; all but its end is acknowledged, then the end again.
      h.set(tcp_field::unacked, 10).busy(1);
      h.set(tcp_field::unacked, unacked).pass(9).busy(21);
      h.set(tcp_field::snd_cwnd, 10).lose(1).busy(45);
      h.set(tcp_field::unacked, 0).pass(1).busy(21);
    }
    return h.cause();
  };
  CHECK(flow(1) == "tail_loss");
  CHECK(flow(8) != "tail_loss");
}

TEST_CASE("a timeout whose data had arrived was spurious") {
  CHECK(stalled(40, 100'000, 2).cause() == "spurious_rto");
}

TEST_CASE("a timeout that the kernel took back was spurious, of however many only one came twice") {
  const auto flow = [](bool taken_back) {
    made_history h;
    for (int i = 0; i < 5; ++i) h.pass(10).busy(20);
    h.set(tcp_field::unacked, 20).set(tcp_field::notsent_bytes, 100'000).busy(5);
    for (std::uint64_t n = 1; n <= 3; ++n)
      h.lose(1)
          .set(tcp_field::retransmits, n)
          .set(tcp_field::snd_ssthresh, 14)
          .set(tcp_field::ca_state, 4)
          .grow(tcp_field::total_rto, 1)
          .busy(static_cast<std::int64_t>(220 * n));
    if (taken_back) h.set(tcp_field::snd_ssthresh, 0x7fffffff);
    h.set(tcp_field::retransmits, 0).set(tcp_field::ca_state, 0).set(tcp_field::notsent_bytes, 0);
    h.set(tcp_field::unacked, 0).pass(20).grow(tcp_field::dsack_dups, 1).busy(440);
    for (int i = 0; i < 5; ++i) h.pass(10).busy(20);
    return h.cause();
  };
  CHECK(flow(true) == "spurious_rto");
  CHECK(flow(false) == "rto_stall");
}

TEST_CASE("a stall that ends with smaller segments is a hole for large ones") {
  made_history h;
  h.record();
  h.set(tcp_field::unacked, 10).set(tcp_field::notsent_bytes, 100'000);
  h.grow(tcp_field::bytes_sent, 10 * made_history::mss).busy(5);
  for (std::uint64_t n = 1; n <= 3; ++n)
    h.lose(1)
        .set(tcp_field::retransmits, n)
        .set(tcp_field::ca_state, 4)
        .grow(tcp_field::total_rto, 1)
        .busy(static_cast<std::int64_t>(220 * n));
  h.set(tcp_field::snd_mss, 1000).set(tcp_field::retransmits, 0).set(tcp_field::ca_state, 0);
  h.pass(10).busy(200);
  for (int i = 0; i < 5; ++i) h.pass(10).busy(20);
  CHECK(h.cause() == "mtu_hole");
}

TEST_CASE("full segments that never pass, though the handshake did, are a hole as well") {
  const auto flow = [](bool passed) {
    made_history h;
    h.record();
    if (passed) h.pass(50).busy(40);
    h.set(tcp_field::unacked, 10).set(tcp_field::notsent_bytes, 100'000);
    h.grow(tcp_field::bytes_sent, 10 * made_history::mss).busy(5);
    for (std::uint64_t n = 1; n <= 4; ++n)
      h.lose(1)
          .set(tcp_field::retransmits, n)
          .set(tcp_field::ca_state, 4)
          .grow(tcp_field::total_rto, 1)
          .busy(static_cast<std::int64_t>(220 * n));
    return h.cause();
  };
  CHECK(flow(false) == "mtu_hole");
  CHECK(flow(true) == "rto_stall");
}

TEST_CASE("a transfer that ends in slow start never left it") {
  made_history h;
  h.set(tcp_field::notsent_bytes, 1'000'000).record();
  double_the_window(h);
  CHECK(h.cause() == "slow_start_never_left");
}

TEST_CASE("what waited to be sent between two rounds was held by slow start") {
  made_history h;
  h.set(tcp_field::rtt, 60'000).set(tcp_field::min_rtt, 60'000).record();
  h.set(tcp_field::notsent_bytes, 20'000).set(tcp_field::unacked, 10).busy(30);
  h.set(tcp_field::notsent_bytes, 0).set(tcp_field::unacked, 14);
  h.pass(10).set(tcp_field::snd_cwnd, 20).busy(40);
  h.set(tcp_field::unacked, 0).pass(14).busy(60);
  CHECK(h.cause() == "slow_start_never_left");
}

TEST_CASE("slow start that was left without a loss, and grew on, was left early") {
  const auto flow = [](std::uint64_t most) {
    made_history h;
    h.record();
    h.pass(10).set(tcp_field::snd_cwnd, 20).busy(20);
    h.pass(20).set(tcp_field::snd_ssthresh, 30).set(tcp_field::snd_cwnd, 30).busy(20);
    for (std::uint64_t cwnd = 31; cwnd <= most; ++cwnd)
      h.pass(cwnd).set(tcp_field::snd_cwnd, cwnd).busy(20);
    return h.cause();
  };
  CHECK(flow(90) == "slow_start_left_early");
  CHECK(flow(50) == "slow_start_left_early");
  // Where the window did not grow, nobody knows that the path had room.
  CHECK(flow(33) == "none");
}

TEST_CASE("slow start that was left when hardly anything was left to send is as one never left") {
  const auto flow = [](int rounds) {
    made_history h;
    h.set(tcp_field::notsent_bytes, 1'000'000).record();
    const std::uint64_t cwnd = double_the_window(h);
    h.set(tcp_field::snd_ssthresh, cwnd);
    for (int i = 0; i < rounds; ++i) h.pass(cwnd).busy(20);
    h.set(tcp_field::notsent_bytes, 0);
    return h.cause();
  };
  CHECK(flow(2) == "slow_start_never_left");
  CHECK(flow(12) == "none");
}

TEST_CASE("the handshake is a round of its own, and slow start begins behind it") {
  made_history h;
  h.socket.state = tcpinfo::tcp_state::syn_sent;
  h.set(tcp_field::rtt, 0).set(tcp_field::min_rtt, 0xffffffff).record();
  h.socket.state = tcpinfo::tcp_state::established;
  h.set(tcp_field::rtt, 50'200).set(tcp_field::min_rtt, 50'000).after(50);
  h.set(tcp_field::notsent_bytes, 1'000'000);
  h.pass(10).set(tcp_field::snd_cwnd, 20).busy(50);
  h.pass(20).set(tcp_field::snd_cwnd, 40).busy(50);
  h.pass(40).set(tcp_field::snd_cwnd, 80).busy(50);
  CHECK(h.cause() == "slow_start_never_left");
  CHECK(h.seconds(why::cause::slow_start_never_left) > 0.09);
}

TEST_CASE("what was before the first record is no handshake where SYNs cannot explain it") {
  made_history h;
  h.examiner.set_opened(made_history::begin_ns);
  // One SYN is sent again after a second.
  h.now_ns = made_history::begin_ns + 100'000'000'000;
  h.set(tcp_field::total_retrans, 1).set(tcp_field::snd_ssthresh, 10).record();
  for (int i = 0; i < 20; ++i) h.pass(10).busy(20);
  CHECK(h.cause() == "none");
  CHECK(h.seconds(why::cause::handshake) == 0);
}

TEST_CASE("a SYN that was lost costs the handshake, from the connect on") {
  const auto flow = [](std::uint64_t again, bool seen_opening) {
    made_history h;
    h.examiner.set_opened(made_history::begin_ns);
    if (seen_opening) {
      h.socket.state = tcpinfo::tcp_state::syn_sent;
      h.set(tcp_field::rtt, 0).record();
    }
    h.now_ns = made_history::begin_ns + (again != 0 ? 1'020'000'000 : 20'000'000);
    h.socket.state = tcpinfo::tcp_state::established;
    h.set(tcp_field::rtt, 20'000).set(tcp_field::total_retrans, again).record();
    h.set(tcp_field::snd_ssthresh, 10);
    for (int i = 0; i < 20; ++i) h.pass(10).busy(20);
    return std::pair(h.cause(), h.seconds(why::cause::handshake));
  };
  CHECK(flow(1, false).first == "handshake");
  CHECK(flow(1, false).second == Approx(1.02));
  CHECK(flow(1, true).first == "handshake");
  CHECK(flow(1, true).second == Approx(1.02));
  CHECK(flow(0, false).first == "none");
}
