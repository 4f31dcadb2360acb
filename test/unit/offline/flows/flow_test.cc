// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>

#include "offline/flows/flow_list.h"
#include "offline/flows/flow_print.h"
#include "offline/text/snapshot_text.h"
#include "unit/catch.h"
#include "unit/offline/files.h"

using namespace tcpinfo;
using namespace tcpinfo::offline;

namespace {

// Where the fields stand that these tests set.
constexpr std::size_t retransmits_at = 2;
constexpr std::size_t probes_at = 3;
constexpr std::size_t options_at = 5;
constexpr std::size_t unacked_at = 24;
constexpr std::size_t rtt_at = 68;
constexpr std::size_t total_retrans_at = 100;
constexpr std::size_t acked_at = 120;
constexpr std::size_t received_at = 128;
constexpr std::size_t segs_out_at = 136;
constexpr std::size_t segs_in_at = 140;
constexpr std::size_t min_rtt_at = 148;
constexpr std::size_t data_segs_in_at = 152;
constexpr std::size_t data_segs_out_at = 156;
constexpr std::size_t rate_at = 160;
constexpr std::size_t delivered_at = 192;
constexpr std::size_t sent_at = 200;
constexpr std::size_t retrans_at = 208;
constexpr std::size_t busy_at = 168;
constexpr std::size_t rwnd_at = 176;
constexpr std::size_t sndbuf_at = 184;
constexpr std::size_t dsack_at = 216;
constexpr std::size_t reord_at = 220;

/// Summaries of the files, read in the order given.
class reading {
 public:
  explicit reading(const std::vector<std::string>& texts) {
    input_reader reader([](const input_fault& f) {
      FAIL(to_string(f));
      return true;
    });
    input_record r;
    int n = 0;
    for (const std::string& text : texts) {
      REQUIRE(reader.open(dir_.file("f" + std::to_string(n++) + ".jsonl", text)));
      while (reader.next(r)) list.add(r, true);
    }
  }
  flow_summary& only() {
    const auto all = list.flows();
    REQUIRE(all.size() == 1);
    return *all.front();
  }

  flow_list list;

 private:
  scratch dir_;
};

std::string with_uuid(const std::string& records, std::uint64_t sequence = 0,
                      std::string_view run = "r1") {
  return metadata_line("h_1_0000000000000001", sequence, run) + records;
}

template <class T>
void put(made_socket& s, std::size_t at, T v) {
  s.set(at, v);
}

void totals(made_socket& s, std::uint64_t acked, std::uint64_t received, std::uint64_t sent,
            std::uint64_t retrans = 0) {
  put(s, acked_at, acked);
  put(s, received_at, received);
  put(s, sent_at, sent);
  put(s, retrans_at, retrans);
}

std::string flow_line(made_socket& s, int second, std::uint64_t poll = no_poll) {
  return record_line(at_second(second), s.view(), poll);
}

closing closing_of(const std::string& records) {
  reading r({with_uuid(records)});
  return r.only().closed();
}

}  // namespace

TEST_CASE("the files of a connection are one, in any order") {
  made_socket s;
  totals(s, 1001, 0, 1000);
  put(s, rtt_at, std::uint32_t{300});
  put(s, min_rtt_at, std::uint32_t{250});
  const std::string first = with_uuid(flow_line(s, 0, 1), 0);
  totals(s, 5001, 0, 5000);
  put(s, rtt_at, std::uint32_t{100});
  put(s, min_rtt_at, std::uint32_t{90});
  put(s, rate_at, std::uint64_t{777});
  const std::string second = with_uuid(flow_line(s, 10, 11), 1);
  totals(s, 9002, 0, 10000, 1000);
  put(s, rtt_at, std::uint32_t{200});
  put(s, min_rtt_at, std::uint32_t{95});
  put(s, rate_at, std::uint64_t{5});
  s.state = tcp_state::fin_wait2;
  const std::string third = with_uuid(flow_line(s, 20, 21), 3);
  for (const auto& order : {std::vector{first, second, third}, std::vector{third, first, second}}) {
    reading r(order);
    flow_summary& f = r.only();
    CHECK(f.snapshots() == 3);
    CHECK(f.duration_ns() == 20'000'000'000);
    CHECK(f.start() == at_second(0));
    CHECK(f.sent() == 9000);
    CHECK(f.retransmitted_percent() == 10.0);
    CHECK(f.min_rtt_us() == 90);
    CHECK(f.median_rtt_us() == 200.0);
    CHECK(f.peak_rate() == 777);
    CHECK(std::abs(*f.mean_rate() - 400) < 1e-6);
    CHECK(f.gaps() == 1);
    CHECK(f.state() == static_cast<std::uint8_t>(tcp_state::fin_wait2));
    CHECK(f.closed() == closing::open);
    CHECK(f.congestion_control() == "cubic");
    // Polls 2 to 10 and 12 to 20 have no record of anybody.
    CHECK(r.list.silent_polls(f) == 18);
  }
}

TEST_CASE("a poll that another connection tells of was not missed") {
  made_socket a;
  made_socket b;
  b.cookie = 2;
  reading r({with_uuid(flow_line(a, 0, 1) + flow_line(a, 5, 6)),
             metadata_line("h_1_0000000000000002", 0) + flow_line(b, 1, 2) + flow_line(b, 2, 3) +
                 flow_line(b, 9, 200) + flow_line(b, 10, 5000)});
  const auto all = r.list.flows();
  REQUIRE(all.size() == 2);
  CHECK(r.list.silent_polls(*all[0]) == 2);
  CHECK(r.list.silent_polls(*all[1]) == 5000 - 2 + 1 - 5);
}

TEST_CASE("a file without metadata may hold many connections") {
  made_socket a;
  made_socket b;
  b.cookie = 2;
  b.sport = 80;
  reading r({flow_line(a, 0) + flow_line(b, 0) + flow_line(a, 1)});
  CHECK(r.list.flows().size() == 2);
  CHECK(r.list.snapshots() == 3);
}

TEST_CASE("totals are of data: without SYN, FIN and retransmissions") {
  made_socket s;
  totals(s, 5002, 301, 5500, 500);  // connected here: SYN and FIN acknowledged
  s.state = tcp_state::close_wait;
  reading r({with_uuid(flow_line(s, 0))});
  CHECK(r.only().sent() == 5000);
  CHECK(r.only().received() == 300);  // in CLOSE_WAIT the FIN has come

  made_socket half;
  totals(half, 2001, 300, 5000);  // 3000 in flight
  reading in_flight({with_uuid(flow_line(half, 0))});
  CHECK(in_flight.only().sent() == 2001);
  CHECK(in_flight.only().received() == 300);

  made_socket old;
  old.info.resize(136);  // of 4.1: bytes_sent does not exist
  put(old, acked_at, std::uint64_t{100});
  reading of_old({with_uuid(flow_line(old, 0))});
  CHECK(of_old.only().sent() == 100);
}

TEST_CASE("how a connection closed is told by its states") {
  made_socket s;
  totals(s, 1001, 0, 1000);
  const std::string open = flow_line(s, 0);
  const auto then = [&](std::initializer_list<tcp_state> states) {
    std::string text = open;
    int second = 1;
    for (const tcp_state state : states) {
      made_socket n;
      n.info = s.info;
      n.state = state;
      text += flow_line(n, second++);
    }
    return closing_of(text);
  };
  CHECK(then({}) == closing::open);
  CHECK(then({tcp_state::fin_wait1}) == closing::open);
  CHECK(then({tcp_state::fin_wait1, tcp_state::fin_wait2, tcp_state::close}) == closing::fin_local);
  CHECK(then({tcp_state::fin_wait2, tcp_state::time_wait}) == closing::fin_local);
  CHECK(then({tcp_state::close_wait, tcp_state::last_ack, tcp_state::close}) ==
        closing::fin_remote);
  CHECK(then({tcp_state::fin_wait1, tcp_state::closing, tcp_state::close}) == closing::fin_both);
}

TEST_CASE("where it closed between two looks the counters tell") {
  made_socket s;
  totals(s, 1001, 0, 1000);
  // The state of the second look makes certain that the first one's byte is a SYN.
  const std::string open = flow_line(s, -1) + flow_line(s, 0);
  s.state = tcp_state::close;
  put(s, segs_in_at, std::uint32_t{1});  // something of the other end's came last
  CHECK(closing_of(open + flow_line(s, 1)) == closing::rst);  // the FIN was not acknowledged
  totals(s, 1002, 0, 1000);
  CHECK(closing_of(open + flow_line(s, 1)) == closing::fin_local);  // ours was, theirs had not come
  totals(s, 1002, 1, 1000);
  CHECK(closing_of(open + flow_line(s, 1)) == closing::fin);  // both
  totals(s, 1001, 0, 1000);
  put(s, segs_in_at, std::uint32_t{0});
  put(s, retransmits_at, std::uint8_t{15});
  CHECK(closing_of(open + flow_line(s, 1)) == closing::timeout);
  put(s, retransmits_at, std::uint8_t{0});
  s.dport = 0;
  CHECK(closing_of(open + flow_line(s, 1)) == closing::aborted);

  // Nothing but the end: one more than the data is a SYN or a FIN.
  made_socket end;
  end.state = tcp_state::close;
  totals(end, 1, 5001, 0);
  CHECK(closing_of(flow_line(end, 0)) == closing::unknown);
  totals(end, 5002, 0, 5000);
  CHECK(closing_of(flow_line(end, 0)) == closing::fin_local);
  totals(end, 0, 0, 0);
  end.dport = 0;
  CHECK(closing_of(flow_line(end, 0)) == closing::no_connect);
  put(end, min_rtt_at, std::uint32_t{17});  // it was connected, and aborted before a look
  CHECK(closing_of(flow_line(end, 0)) == closing::aborted);
}

TEST_CASE("what came last tells a timeout, an abort and a reset apart") {
  made_socket s;
  totals(s, 1001, 0, 1000);
  put(s, segs_in_at, std::uint32_t{0xffffffff});
  // The state of the second look makes certain that the first one's byte is a SYN.
  const std::string open = flow_line(s, -1) + flow_line(s, 0);
  const std::string early = flow_line(s, 0);
  s.state = tcp_state::close;
  put(s, 0, static_cast<std::uint8_t>(tcp_state::close));
  const auto ended_with = [&](std::uint8_t retransmits, std::uint8_t probes, std::uint32_t segments,
                              const std::string& before = {}) {
    put(s, retransmits_at, retransmits);
    put(s, probes_at, probes);
    put(s, segs_in_at, std::uint32_t{0xffffffff} + segments);
    return closing_of((before.empty() ? open : before) + flow_line(s, 9));
  };
  // Nothing came: whether something was waited for, however often.
  CHECK(ended_with(0, 0, 0) == closing::aborted);
  for (const std::uint8_t times : std::initializer_list<std::uint8_t>{1, 2, 3, 4, 15}) {
    CHECK(ended_with(times, 0, 0) == closing::timeout);
    CHECK(ended_with(0, times, 0) == closing::timeout);
    // A segment came, also after many: its sender ended it. The counter passes its 32 bits.
    CHECK(ended_with(times, 0, 1) == closing::rst);
    CHECK(ended_with(0, times, 7) == closing::rst);
  }
  CHECK(ended_with(0, 0, 1) == closing::rst);
  // Of one look alone nobody knows whether the byte too many is our FIN. What came last tells: it
  // has no byte, and acknowledges none.
  CHECK(ended_with(0, 0, 1, early) == closing::rst);
  totals(s, 1001, 1, 1000);
  CHECK(ended_with(0, 0, 1, early) == closing::unknown);
  totals(s, 1001, 0, 1000);
  // Data in flight: its FIN cannot have been acknowledged.
  totals(s, 1001, 0, 5000);
  CHECK(ended_with(0, 0, 1) == closing::rst);
  CHECK(ended_with(0, 0, 0) == closing::aborted);
  CHECK(ended_with(1, 0, 0) == closing::timeout);
  totals(s, 1002, 1, 1000);
  CHECK(ended_with(0, 0, 2) == closing::fin);
  totals(s, 1001, 0, 1000);

  // Right after a look, and without an RST of ours: the look may have been filled while the other
  // end's came. Its counters are then those of the end.
  put(s, segs_in_at, std::uint32_t{0xffffffff});
  CHECK(closing_of(early + flow_line(s, 1)) == closing::unknown);
  CHECK(closing_of(open + flow_line(s, 1)) == closing::rst);
  put(s, segs_out_at, std::uint32_t{1});
  CHECK(closing_of(early + flow_line(s, 1)) == closing::aborted);
  CHECK(closing_of(open + flow_line(s, 1)) == closing::aborted);
  put(s, segs_out_at, std::uint32_t{0});

  // After the signs that states are.
  const auto after = [&](std::initializer_list<tcp_state> states) {
    std::string text = early;
    int second = 1;
    for (const tcp_state state : states) {
      made_socket n;
      totals(n, 1001, 0, 1000);
      put(n, segs_in_at, std::uint32_t{0xffffffff});
      put(n, 0, static_cast<std::uint8_t>(state));
      n.state = state;
      text += flow_line(n, second++);
    }
    return text;
  };
  // Orphans whose FIN is not answered.
  CHECK(ended_with(1, 0, 0, after({tcp_state::fin_wait1})) == closing::timeout);
  CHECK(ended_with(1, 0, 0, after({tcp_state::close_wait, tcp_state::last_ack})) ==
        closing::timeout);
  CHECK(ended_with(2, 0, 0, after({tcp_state::fin_wait1, tcp_state::closing})) == closing::timeout);
  CHECK(ended_with(9, 0, 1, after({tcp_state::fin_wait1})) == closing::fin_local);
  CHECK(ended_with(9, 0, 1, after({tcp_state::close_wait, tcp_state::last_ack})) ==
        closing::fin_remote);
  // Its time in FIN_WAIT2 is over, or keepalives were not answered.
  CHECK(ended_with(0, 0, 0, after({tcp_state::fin_wait2})) == closing::fin_local);
  CHECK(ended_with(0, 3, 0, after({tcp_state::fin_wait2})) == closing::timeout);

  // Before all others: the socket's ends are not there, or are those of the record before.
  put(s, retransmits_at, std::uint8_t{15});
  put(s, probes_at, std::uint8_t{0});
  put(s, segs_in_at, std::uint32_t{7});
  record_extras extras;
  extras.carried = ends_bit | attribute_bit(attribute_type::info);
  CHECK(closing_of(after({tcp_state::close_wait}) + record_line(at_second(9), s.view(), extras)) ==
        closing::aborted);
  extras.carried = attribute_bit(attribute_type::cong);
  CHECK(closing_of(after({tcp_state::close_wait}) + record_line(at_second(9), s.view(), extras)) ==
        closing::fin_remote);
  // And before that: it was never connected.
  made_socket failed;
  failed.state = tcp_state::syn_sent;
  put(failed, 0, static_cast<std::uint8_t>(tcp_state::syn_sent));
  put(failed, min_rtt_at, std::uint32_t{0xffffffff});
  const std::string connecting = flow_line(failed, 0);
  failed.state = tcp_state::close;
  extras.carried = ends_bit | attribute_bit(attribute_type::info);
  CHECK(closing_of(connecting + record_line(at_second(1), failed.view(), extras)) ==
        closing::no_connect);

  // A kernel before 4.2 does not count segments, and a message filled while the socket closed has
  // the counters of its end: then it takes many.
  made_socket old;
  old.info.resize(136);
  const std::string look = flow_line(old, 0);
  old.state = tcp_state::close;
  put(old, retransmits_at, std::uint8_t{1});
  CHECK(closing_of(look + flow_line(old, 1)) != closing::timeout);
  put(old, retransmits_at, std::uint8_t{3});
  CHECK(closing_of(look + flow_line(old, 1)) == closing::timeout);
}

TEST_CASE("a connection's life is from its opening to its end, not to when these were told") {
  const auto opened = [](int second) {
    metadata m;
    m.uuid = "h_1_0000000000000001";
    m.start_time = at_second(5);
    m.run = "r1";
    m.opened = at_second(second);
    std::string text(max_metadata_size(m), '\0');
    std::size_t n = 0;
    REQUIRE_FALSE(encode_metadata(text, n, m));
    return text.substr(0, n);
  };
  // One record, of a socket that was held long after its end.
  made_socket s;
  s.state = tcp_state::close;
  put(s, 0, static_cast<std::uint8_t>(tcp_state::close));
  put(s, rtt_at, std::uint32_t{1'000'000});
  totals(s, 8001, 10, 8000);
  record_extras extras;
  extras.ended = at_second(6);
  const std::string end = record_line(at_second(60), s.view(), extras);
  reading whole({opened(2) + end});
  CHECK(whole.only().start() == at_second(2));
  CHECK(whole.only().opened() == at_second(2));
  CHECK(whole.only().ended() == at_second(6));
  CHECK(whole.only().duration_ns() == 4'000'000'000);
  CHECK(whole.only().mean_rate() == 2000.0);
  // Not known when it was opened: what one record counts is of no known time.
  reading unopened({with_uuid(end)});
  CHECK(unopened.only().opened().is_zero());
  CHECK(unopened.only().ended() == at_second(6));
  CHECK_FALSE(unopened.only().mean_rate());
  // Two: what was gained between them.
  made_socket first = s;
  first.state = tcp_state::established;
  put(first, 0, static_cast<std::uint8_t>(tcp_state::established));
  totals(first, 7001, 9, 7000);
  reading between({with_uuid(flow_line(first, 4, 3) + end)});
  CHECK(between.only().mean_rate() == 500.0);
  reading all({opened(2) + flow_line(first, 4, 3) + end});
  CHECK(all.only().mean_rate() == 2000.0);
  // Less than a round trip says nothing.
  put(s, rtt_at, std::uint32_t{4'000'001});
  const std::string slow = record_line(at_second(60), s.view(), extras);
  CHECK_FALSE(reading({opened(2) + slow}).only().mean_rate());
  CHECK_FALSE(reading({with_uuid(flow_line(first, 4, 3) + slow)}).only().mean_rate());
  CHECK(reading({opened(1) + slow}).only().mean_rate() == 1600.0);
  // What is carried over is no news of the end: the stretch ends with the record it is of.
  extras.carried = ends_bit | attribute_bit(attribute_type::info);
  made_socket aborted = first;
  aborted.state = tcp_state::close;
  reading carried(
      {opened(2) + flow_line(first, 4, 3) + record_line(at_second(60), aborted.view(), extras)});
  CHECK(carried.only().mean_rate() == 3500.0);
  CHECK(carried.only().duration_ns() == 4'000'000'000);
  // Nothing was ended.
  reading going({opened(2) + flow_line(first, 4, 3)});
  CHECK(going.only().ended().is_zero());
  CHECK(going.only().duration_ns() == 2'000'000'000);
}

TEST_CASE("a FIN that comes while the kernel fills a message is known by the state in tcp_info") {
  made_socket s;
  totals(s, 0, 4001, 0);
  put(s, 0, static_cast<std::uint8_t>(tcp_state::close_wait));
  const std::string caught = flow_line(s, 0);
  s.state = tcp_state::close;
  put(s, 0, static_cast<std::uint8_t>(tcp_state::close));
  totals(s, 1, 4001, 0);
  reading r({with_uuid(caught + flow_line(s, 1))});
  CHECK(r.only().closed() == closing::fin_remote);
  CHECK(r.only().received() == 4000);
}

TEST_CASE("a message filled while the socket closes tells no more than the end") {
  made_socket s;
  totals(s, 1, 4001, 0);
  s.state = tcp_state::close;
  const std::string end = flow_line(s, 1);
  s.state = tcp_state::established;
  put(s, 0, static_cast<std::uint8_t>(tcp_state::close));
  const std::string caught = flow_line(s, 0);
  CHECK(closing_of(end) == closing::unknown);
  CHECK(closing_of(caught + end) == closing::unknown);
  // Nor need the state in tcp_info be as late as the counters.
  put(s, 0, static_cast<std::uint8_t>(tcp_state::established));
  totals(s, 2, 4001, 0);
  const std::string earlier = flow_line(s, 0);
  s.state = tcp_state::close;
  const std::string end_of_both = flow_line(s, 1);
  s.state = tcp_state::established;
  CHECK(closing_of(earlier + end_of_both) == closing::fin);
  // What came before such a message still tells.
  totals(s, 0, 4000, 0);
  put(s, 0, static_cast<std::uint8_t>(tcp_state::established));
  reading r({with_uuid(flow_line(s, -1) + caught + end)});
  CHECK(r.only().closed() == closing::fin);
  CHECK(r.only().received() == 4000);
}

TEST_CASE("our FIN is not taken for a SYN by a message filled while it goes out") {
  // The only look: its states are from before the FIN, its counters from after.
  const auto closed_after = [](std::uint32_t segs, std::uint32_t data_segs, std::uint32_t delivered,
                               std::uint32_t retrans = 0, std::uint8_t options = 2) {
    made_socket s;
    totals(s, 1 + data_segs * std::uint64_t{10}, 4001, data_segs * std::uint64_t{10});
    put(s, segs_out_at, segs);
    put(s, data_segs_out_at, data_segs);
    put(s, delivered_at, delivered);
    put(s, total_retrans_at, retrans);
    put(s, options_at, options);
    put(s, 0, static_cast<std::uint8_t>(tcp_state::established));
    const std::string look = flow_line(s, 0);
    s.state = tcp_state::close;
    put(s, 0, static_cast<std::uint8_t>(tcp_state::close));
    const closing both = closing_of(look + flow_line(s, 1));
    CHECK(closing_of(flow_line(s, 1)) == both);  // nor without that look
    return both;
  };
  CHECK(closed_after(3, 0, 2) == closing::fin);  // what was delivered: the handshake and a FIN
  CHECK(closed_after(3, 0, 1) == closing::rst);  // no FIN, so the byte was a SYN
  CHECK(closed_after(9, 4, 6) == closing::fin);  // the same with data
  CHECK(closed_after(4, 4, 5) == closing::fin);  // the FIN rode on data: no segment was a SYN
  CHECK(closed_after(9, 4, 5) == closing::unknown);
  // Where segments cannot be counted so.
  CHECK(closed_after(3, 0, 2, 1) == closing::unknown);
  CHECK(closed_after(3, 0, 2, 0, 0) == closing::unknown);
  CHECK(closed_after(3, 0, 2, 0, 2 + 32) == closing::unknown);
}

TEST_CASE("that more is sent or seen after a byte too many makes it a SYN") {
  made_socket s;
  totals(s, 1001, 0, 1000);
  const std::string look = flow_line(s, 0);
  s.state = tcp_state::close;
  put(s, segs_in_at, std::uint32_t{1});
  totals(s, 1001, 1, 1000);  // what came last has a byte: it may be a FIN
  CHECK(closing_of(look + flow_line(s, 9)) == closing::unknown);
  totals(s, 1201, 1, 1200);
  CHECK(closing_of(look + flow_line(s, 9)) == closing::rst);
  // A state of the same time or from before says nothing, one from after does.
  totals(s, 1001, 1, 1000);
  const std::string end = flow_line(s, 9);
  s.has_info = false;
  s.state = tcp_state::close_wait;
  CHECK(closing_of(flow_line(s, -1) + look + end) == closing::fin_remote);
  s.state = tcp_state::established;
  CHECK(closing_of(flow_line(s, -1) + look + end) == closing::unknown);
  CHECK(closing_of(flow_line(s, 0) + look + end) == closing::unknown);
  CHECK(closing_of(flow_line(s, 1) + look + end) == closing::rst);
  // None too many: nothing in flight, no SYN.
  made_socket passive;
  totals(passive, 1000, 0, 1000);
  const std::string before = flow_line(passive, -1);
  CHECK(closing_of(before + look + end) == closing::fin);
  s.has_info = true;
  s.state = tcp_state::close;
  totals(s, 1001, 0, 1000);
  CHECK(closing_of(before + look + flow_line(s, 9)) == closing::fin_local);
}

TEST_CASE("a FIN without data is known by its byte") {
  made_socket s;
  totals(s, 1, 4000, 0);
  put(s, data_segs_in_at, std::uint32_t{3});
  const std::string open = flow_line(s, 0);
  s.state = tcp_state::close;
  totals(s, 2, 4001, 0);
  reading r({with_uuid(open + flow_line(s, 1))});
  CHECK(r.only().received() == 4000);
}

TEST_CASE("the ends are those of a record that has both") {
  made_socket s;
  const std::string open = flow_line(s, 0);
  s.state = tcp_state::close;
  s.dport = 0;
  reading r({with_uuid(open + flow_line(s, 1))});
  CHECK(r.only().ends().dport == 50000);
  CHECK(r.only().state() == static_cast<std::uint8_t>(tcp_state::established));
}

TEST_CASE("columns are found by what people type") {
  CHECK(find_flow_column("sent_bytes").has_value());
  CHECK(find_flow_column("sent") == find_flow_column("sent_bytes"));
  CHECK(find_flow_column("median_rtt") == find_flow_column("median_rtt_us"));
  CHECK_FALSE(find_flow_column("sen"));
  CHECK_FALSE(find_flow_column(""));
  CHECK(bit_rate_text(0) == "0bit/s");
  CHECK(bit_rate_text(1250000) == "10.0Mbit/s");
  CHECK(bit_rate_text(124.99e6) == "1.00Gbit/s");
  CHECK(span_text(1'234'567'890) == "1.235s");
  CHECK(span_text(59'999'600'000) == "1m00.0s");
  CHECK(span_text(90'000'000'000) == "1m30.0s");
  CHECK(span_text(90'061'000'000'000) == "1d01h01m");
}

TEST_CASE("the columns of ls are picked by names and globs, each once") {
  std::vector<std::size_t> columns;
  CHECK(pick_flow_columns("uuid, sent,sent_bytes,*_limited_percent", columns).empty());
  CHECK(columns.size() == 5);
  CHECK(columns[0] == find_flow_column("uuid"));
  CHECK(columns[1] == find_flow_column("sent"));
  CHECK(columns[2] == find_flow_column("rwnd_limited"));
  CHECK(pick_flow_columns("closed,uuid", columns).empty());
  REQUIRE(columns.size() == 6);
  CHECK(columns[5] == find_flow_column("closed"));
  CHECK(pick_flow_columns("uuid,colour", columns) ==
        "'colour' is none of the columns: " + flow_column_names());
  CHECK(pick_flow_columns("uuid,", columns) == "an item is empty (a comma too many?)");
}

TEST_CASE("stall times are shares of the time in which something was to be sent") {
  made_socket s;
  const auto stalls = [&s](std::uint64_t busy, std::uint64_t rwnd, std::uint64_t sndbuf) {
    put(s, busy_at, busy);
    put(s, rwnd_at, rwnd);
    put(s, sndbuf_at, sndbuf);
  };
  put(s, dsack_at, std::uint32_t{3});
  put(s, reord_at, std::uint32_t{2});
  stalls(1'000'000, 0, 0);
  std::string text = flow_line(s, 0);
  stalls(3'000'000, 1'500'000, 300'000);
  text += flow_line(s, 10);
  reading r({with_uuid(text)});
  const flow_summary& f = r.only();
  CHECK(f.dsack_dups() == 3U);
  CHECK(f.reord_seen() == 2U);
  // Of what was gained from the first record to the last: 2 s of 10.
  CHECK(f.busy_percent() == 20.0);
  // Over the whole connection, as ss has it.
  REQUIRE(f.limited());
  CHECK(f.limited()->rwnd == 50);
  CHECK(f.limited()->sndbuf == 10);
  CHECK(f.limited()->network == 40);

  stalls(0, 0, 0);
  reading idle({with_uuid(flow_line(s, 0) + flow_line(s, 1))});
  CHECK(idle.only().busy_percent() == 0.0);
  CHECK_FALSE(idle.only().limited());
  reading one({with_uuid(flow_line(s, 0))});
  CHECK_FALSE(one.only().busy_percent());
}

TEST_CASE("nothing is said of missed polls where files were passed over") {
  made_socket s;
  reading r({with_uuid(flow_line(s, 0, 1) + flow_line(s, 1, 5))});
  CHECK(r.list.silent_polls(r.only()) == 3U);
  r.list.some_passed_over();
  CHECK_FALSE(r.list.silent_polls(r.only()));
}

TEST_CASE("a block says everything that is not 0, once") {
  made_socket s;
  put(s, rtt_at, std::uint32_t{1500});
  put(s, unacked_at, std::uint32_t{4});
  put(s, std::size_t{240}, std::uint16_t{2});  // total_rto, which ss has no word for
  snapshot decoded;
  REQUIRE(!decoded.decode(s.view(), info_layout::a));
  snapshot_text text;
  describe(decoded, {}, text);
  std::string block;
  append_block(block, text, false);
  CHECK(block.find("ESTAB ") == 0);
  CHECK(block.find("10.1.2.3:443") != block.npos);
  CHECK(block.find(" rtt:1.5/0 ") != block.npos);
  CHECK(block.find(" unacked:4") != block.npos);
  CHECK(block.find("unacked_segments") == block.npos);
  CHECK(block.find(" total_rto:2") != block.npos);
  CHECK(block.find("rcv_space") == block.npos);
  CHECK(block.find('\x1b') == block.npos);

  describe(decoded, {.zeros = true, .interface_name = {}}, text);
  block.clear();
  append_block(block, text, false);
  CHECK(block.find(" rcv_space_bytes:0") != block.npos);
}

TEST_CASE("changes are what is new, and ages are no news") {
  made_socket s;
  snapshot decoded;
  snapshot_text before;
  snapshot_text now;
  put(s, rtt_at, std::uint32_t{1500});
  put(s, unacked_at, std::uint32_t{4});
  REQUIRE(!decoded.decode(s.view(), info_layout::a));
  describe(decoded, {}, before);
  std::string text;
  put(s, std::size_t{44}, std::uint32_t{12});  // last_data_sent
  REQUIRE(!decoded.decode(s.view(), info_layout::a));
  describe(decoded, {}, now);
  CHECK_FALSE(append_changes(text, before, now, false));
  CHECK(text.empty());
  put(s, rtt_at, std::uint32_t{1600});
  put(s, unacked_at, std::uint32_t{0});
  s.state = tcp_state::close_wait;
  REQUIRE(!decoded.decode(s.view(), info_layout::a));
  describe(decoded, {}, now);
  CHECK(append_changes(text, before, now, false));
  CHECK(text.find(" rtt:1.6/0") != text.npos);
  CHECK(text.find(" -unacked") != text.npos);
  CHECK(text.find(" state:CLOSE-WAIT") != text.npos);
  CHECK(text.find("lastsnd") == text.npos);
  CHECK(text.find("peer") == text.npos);
}
