// SPDX-License-Identifier: Apache-2.0
//
// What limited a connection as it is told while its records come, beside what the examiner says of
// the same records.
#include <algorithm>
#include <random>
#include <utility>
#include <vector>

#include "analysis/seen_message.h"
#include "analysis/why/cause_clock.h"
#include "analysis/why/clock_runs.h"
#include "unit/analysis/why/made_history.h"

namespace {

using tcpinfo::message;
using why::cause_clock;
using why::cause_point;

/// Gives a clock every record that the examiner gets.
class clocked_history {
 public:
  made_history h;

  clocked_history& see(bool bbr = false) {
    const message m{h.socket.built.view()};
    const auto info = std::as_bytes(std::span(h.socket.info));
    points.push_back(
        cause_point::of(m, info.subspan(0, h.info_size.value_or(info.size())), h.now_ns, bbr));
    clock.add(points.back());
    return *this;
  }
  clocked_history& busy(std::int64_t ms, int times = 1) {
    for (int i = 0; i < times; ++i) {
      h.busy(ms);
      see();
    }
    return *this;
  }
  clocked_history& idle(std::int64_t ms) {
    h.after(ms);
    return see();
  }
  [[nodiscard]] std::string cause() const {
    const auto v = clock.verdict();
    return v ? std::string(why::name_of(v->main)) : "";
  }
  [[nodiscard]] double seconds(why::cause c) const {
    return static_cast<double>(clock.times()[why::index_of(c)]) / 1e9;
  }

  cause_clock clock;
  std::vector<cause_point> points;
};

void settle(made_history& h) { h.set(tcp_field::snd_ssthresh, 40).set(tcp_field::snd_cwnd, 80); }

}  // namespace

TEST_CASE("a clock without two times says nothing") {
  clocked_history c;
  CHECK(c.clock.empty());
  CHECK_FALSE(c.clock.verdict());
  c.h.record();
  c.see();
  CHECK_FALSE(c.clock.empty());
  CHECK_FALSE(c.clock.verdict());
}

TEST_CASE("idle time is the program's where it sends again, and nobody's else") {
  clocked_history c;
  settle(c.h);
  c.h.record();
  c.see();
  c.h.pass(10);
  c.busy(100);
  c.idle(3000);
  CHECK(c.seconds(why::cause::application) == 0);
  c.h.pass(10);
  c.busy(100);
  CHECK(c.seconds(why::cause::application) == 3);
  c.idle(5000);
  CHECK(c.seconds(why::cause::application) == 3);
  CHECK(c.cause() == "application");
  CHECK(c.seconds(why::cause::application) == c.h.seconds(why::cause::application));
}

TEST_CASE("the kernel's clocks divide the time") {
  clocked_history c;
  settle(c.h);
  c.h.record();
  c.see();
  for (int i = 0; i < 50; ++i) {
    c.h.pass(10).grow(tcp_field::rwnd_limited, 15'000).grow(tcp_field::sndbuf_limited, 2'000);
    c.busy(20);
  }
  CHECK(c.cause() == "peer_window");
  CHECK(c.seconds(why::cause::send_buffer) == 0.1);
  // All of the rest, too: most of it was the window's.
  CHECK(c.seconds(why::cause::peer_window) == 0.9);
  c.h.set(tcp_field::snd_wnd, 0);
  for (int i = 0; i < 50; ++i) {
    c.h.grow(tcp_field::rwnd_limited, 20'000);
    c.busy(20);
  }
  CHECK(c.cause() == "peer_reads_slowly");
  CHECK(c.seconds(why::cause::peer_window) == 0);
}

TEST_CASE("steps of the kernel's clocks cancel out") {
  clocked_history c;
  settle(c.h);
  c.h.record();
  c.see();
  std::uint64_t busy_ms = 0;
  for (std::int64_t ms = 3; ms <= 3000; ms += 3) {
    // 1 of 3 ms, counted in steps of 4.
    const std::uint64_t now = static_cast<std::uint64_t>(ms) / 3 / 4 * 4;
    c.h.pass(1).grow(tcp_field::busy_time, (now - busy_ms) * 1000);
    busy_ms = now;
    c.idle(3);
  }
  CHECK(c.seconds(why::cause::application) >= 1.99);
  CHECK(c.seconds(why::cause::application) <= 2.01);
}

TEST_CASE("what the kernel does not count is told by other fields, or not at all") {
  clocked_history c;
  settle(c.h);
  c.h.info_size = 160;
  c.h.record();
  c.see();
  c.h.pass(10);
  c.busy(500);
  CHECK(c.cause() == "cannot_tell");
  c.h.set(tcp_field::retransmits, 1);
  c.h.set(tcp_field::unacked, 20);
  c.busy(1500);
  CHECK(c.cause() == "rto_stall");
}

TEST_CASE("one record is enough for these causes of a clock") {
  struct example {
    std::string cause;
    void (*set)(made_history&);
  };
  const example examples[] = {
      {"bufferbloat", [](made_history& h) { h.set(tcp_field::rtt, 150'000); }},
      {"shaped_bottleneck", [](made_history& h) { h.set(tcp_field::rtt, 45'000); }},
      {"none",
       [](made_history& h) { h.set(tcp_field::rtt, 45'000).set(tcp_field::rttvar, 12'000); }},
      {"random_loss", [](made_history& h) { h.lose(5).set(tcp_field::snd_cwnd, 40); }},
      {"cannot_tell", [](made_history& h) { h.lose(1).set(tcp_field::snd_cwnd, 40); }},
      {"reordering",
       [](made_history& h) {
         h.lose(5).set(tcp_field::snd_cwnd, 40);
         h.set(tcp_field::dsack_dups, 4).set(tcp_field::reord_seen, 4);
       }},
      {"ecn",
       [](made_history& h) { h.set(tcp_field::delivered_ce, 5).set(tcp_field::snd_cwnd, 40); }},
      {"slow_start_never_left",
       [](made_history& h) {
         h.set(tcp_field::snd_ssthresh, 0x7fffffff).set(tcp_field::unacked, 80);
       }},
      {"pacing_cap",
       [](made_history& h) {
         h.set(tcp_field::max_pacing_rate, 100'000).set(tcp_field::pacing_rate, 100'000);
         h.set(tcp_field::delivery_rate, 95'000);
       }},
      {"tail_loss",
       [](made_history& h) { h.set(tcp_field::retransmits, 1).set(tcp_field::unacked, 2); }},
      {"rto_stall",
       [](made_history& h) { h.set(tcp_field::ca_state, 4).set(tcp_field::unacked, 20); }},
      {"spurious_rto",
       [](made_history& h) {
         h.lose(1).set(tcp_field::ca_state, 4).set(tcp_field::dsack_dups, 1);
       }},
      {"application", [](made_history& h) { h.set(tcp_field::delivery_rate_app_limited, 1); }},
      {"none", [](made_history&) {}},
  };
  for (const example& e : examples) {
    INFO(e.cause);
    clocked_history c;
    settle(c.h);
    c.h.pass(10).record();
    c.see();
    e.set(c.h);
    c.h.pass(10);
    c.busy(1000);
    CHECK(c.cause() == e.cause);
  }
}

TEST_CASE("slow start that was left is no cause of a clock") {
  clocked_history c;
  c.h.set(tcp_field::unacked, 10).pass(10).record();
  c.see();
  c.h.pass(10);
  c.busy(1000);
  CHECK(c.cause() == "slow_start_never_left");
  settle(c.h);
  c.h.pass(10);
  c.busy(100);
  CHECK(c.cause() == "none");
}

TEST_CASE("a handshake is slow where a SYN was lost") {
  for (const bool lost : {false, true}) {
    clocked_history c;
    c.h.socket.state = tcpinfo::tcp_state::syn_sent;
    c.h.record();
    c.see();
    if (lost) c.h.set(tcp_field::total_retrans, 1);
    c.h.socket.state = tcpinfo::tcp_state::established;
    c.idle(1000);
    CHECK(c.cause() == (lost ? "handshake" : "none"));
  }
}

TEST_CASE("the receiver's clock says whether its program reads") {
  clocked_history c;
  c.h.grow(tcp_field::bytes_received, 1000).set(tcp_field::rcv_wnd, 10'000).record();
  c.see();
  c.h.grow(tcp_field::bytes_received, 100'000);
  c.idle(1000);
  CHECK(c.cause() == "none");
  c.idle(1500);
  CHECK(c.cause() == "cannot_tell");
  c.h.rqueue = 30'000;
  c.h.grow(tcp_field::bytes_received, 100'000);
  c.idle(5000);
  CHECK(c.cause() == "peer_reads_slowly");
}

TEST_CASE("old records and cleared counters do not move a clock") {
  clocked_history c;
  settle(c.h);
  c.h.record();
  c.see();
  c.h.pass(10);
  c.busy(1000);
  const auto before = c.clock.times();
  c.h.now_ns -= 500'000'000;
  c.h.record();
  c.see();
  CHECK(c.clock.times() == before);
  c.h.socket.state = tcpinfo::tcp_state::close;
  c.h.set(tcp_field::busy_time, 0).set(tcp_field::data_segs_out, 0);
  c.idle(2000);
  CHECK(c.clock.times() == before);
}

TEST_CASE("clocks of parts come to the clock of all records") {
  std::mt19937 random(7);
  const auto below = [&random](std::uint32_t n) {
    return static_cast<std::uint32_t>(random() % n);
  };
  for (int turn = 0; turn < 300; ++turn) {
    clocked_history c;
    c.h.record();
    c.see();
    for (int i = 0; i < 20; ++i) {
      if (below(2) == 0) c.h.pass(1 + below(30));
      if (below(4) == 0) c.h.lose(1);
      if (below(6) == 0) c.h.grow(tcp_field::total_rto, 1);
      c.h.set(tcp_field::rtt, below(3) == 0 ? 200'000 : 20'000);
      c.h.set(tcp_field::snd_ssthresh, below(3) == 0 ? 0x7fffffff : 40);
      c.h.set(tcp_field::unacked, below(20));
      c.h.set(tcp_field::snd_wnd, below(3) == 0 ? 0 : 100'000);
      c.h.grow(tcp_field::bytes_received, below(3) == 0 ? 100'000 : 0);
      c.h.grow(tcp_field::rwnd_limited, below(9) * 1000);
      c.h.grow(tcp_field::busy_time, below(30) * 1000);
      c.idle(below(30));
    }
    std::vector<cause_clock> parts;
    for (std::size_t at = 0; at < c.points.size();) {
      const std::size_t to = at + 1 + random() % (c.points.size() - at);
      cause_clock& part = parts.emplace_back();
      for (; at < to; ++at) part.add(c.points[at]);
    }
    // The later ones first, so that a clock of parts is the later one, too.
    while (parts.size() > 1) {
      parts[parts.size() - 2].append(parts.back());
      parts.pop_back();
    }
    CHECK(parts[0].times() == c.clock.times());
    cause_clock again;
    again.load(parts[0].save());
    CHECK(again.times() == c.clock.times());
    CHECK(again.life_ns() == c.clock.life_ns());
  }
}

TEST_CASE("parts of a connection come to the same clock in any order") {
  std::mt19937 random(9);
  for (int turn = 0; turn < 100; ++turn) {
    clocked_history c;
    settle(c.h);
    c.h.record();
    c.see();
    for (int i = 0; i < 30; ++i) {
      if (random() % 2 == 0) c.h.pass(10);
      c.h.set(tcp_field::rtt, random() % 2 == 0 ? 60'000 : 20'000);
      c.h.grow(tcp_field::busy_time, random() % 30 * 1000);
      c.idle(1 + static_cast<std::int64_t>(random() % 30));
    }
    std::vector<std::vector<cause_point>> parts;
    for (std::size_t at = 0; at < c.points.size();) {
      const std::size_t to = std::min(c.points.size(), at + 1 + random() % 8);
      const auto begin = c.points.begin();
      parts.emplace_back(begin + static_cast<std::ptrdiff_t>(at),
                         begin + static_cast<std::ptrdiff_t>(to));
      at = to;
    }
    std::shuffle(parts.begin(), parts.end(), random);
    why::clock_runs by_records;
    why::clock_runs by_parts;
    why::clock_runs by_swaps;  // as records_summary::merge() where the earlier one comes later
    for (const auto& part : parts) {
      why::clock_runs of_part;
      by_records.begin_part();
      for (const cause_point& p : part) {
        by_records.add(p);
        of_part.add(p);
      }
      by_swaps.begin_part();
      why::clock_runs again;
      for (const cause_point& p : part) again.add(p);
      std::swap(by_swaps, again);
      by_swaps.append(std::move(again));
      by_parts.append(std::move(of_part));
    }
    CHECK(by_swaps.whole().times() == c.clock.times());
    CHECK(by_records.whole().times() == c.clock.times());
    CHECK(by_parts.whole().times() == c.clock.times());
  }
}

TEST_CASE("the memory of a clock's earlier parts counts") {
  clocked_history c;
  c.busy(20, 3);
  why::clock_runs runs;
  for (const cause_point& p : c.points) runs.add(p);
  std::size_t before = runs.bytes();
  for (int part = 0; part < 3; ++part) {
    runs.begin_part();
    for (const cause_point& p : c.points) runs.add(p);
    CHECK(runs.bytes() >= before + sizeof(cause_clock));
    before = runs.bytes();
  }
}
