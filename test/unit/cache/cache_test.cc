// SPDX-License-Identifier: Apache-2.0
#include <tcpinfo/cache.h>
#include <tcpinfo/internal/content_hash.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "cache/cookie_map.h"
#include "cache/kept_message.h"
#include "unit/catch.h"
#include "unit/count_allocations.h"
#include "unit/durations.h"
#include "unit/made_socket.h"

using namespace tcpinfo;

namespace {

flow_table made_table() {
  flow_table t;
  REQUIRE_FALSE(t.reset({}));
  return t;
}

// Shows the table a message and keeps it; at a new moment unless one is given.
flow_change feed(flow_table& t, made_socket& s, std::int64_t now = -1) {
  static std::int64_t clock = 0;
  if (now < 0) now = ++clock;
  flow_update u;
  REQUIRE_FALSE(t.update(s.view(), now, u));
  REQUIRE_FALSE(t.commit(u));
  return u.change;
}

flow_change end(flow_table& t, made_socket& s) {
  flow_update u;
  REQUIRE_FALSE(t.destroyed(s.view(), 0, u));
  REQUIRE_FALSE(t.commit(u));
  return u.change;
}

std::map<std::uint64_t, std::uint32_t> absent_after_cycle(flow_table& t) {
  std::map<std::uint64_t, std::uint32_t> absent;
  t.end_cycle(true, 0, [&](const flow_absence& a) { absent[a.cookie] = a.cycles; });
  return absent;
}

}  // namespace

TEST_CASE("a kept message has the cookie of the message, whatever the machine's byte order") {
  // Two words, the low one first: a number of 64 bits on little-endian machines only.
  made_socket s;
  s.cookie = 0x0123456789abcdef;
  kept_message* kept = kept_message::store(nullptr, s.view(), 1);
  REQUIRE(kept != nullptr);
  CHECK(kept->cookie() == 0x0123456789abcdef);
  CHECK(kept->cookie() == s.view().cookie());
  kept_message::free(kept);
}

TEST_CASE("a message without a whole header is refused and changes nothing") {
  flow_table t = made_table();
  made_socket s;
  CHECK(feed(t, s) == flow_change::opened);
  const message whole = s.view();
  for (std::size_t size = 0; size < wire::inet_diag_msg_size; ++size) {
    // A copy of exactly that length, so that a sanitizer sees a read past its end.
    const std::vector<std::byte> bytes(whole.bytes.begin(),
                                       whole.bytes.begin() + static_cast<std::ptrdiff_t>(size));
    const message cut{bytes};
    flow_update u;
    u.change = flow_change::changed;
    CHECK(t.update(cut, second, u) == errc::message_too_short);
    CHECK(u.change == flow_change::none);
    u.change = flow_change::changed;
    CHECK(t.destroyed(cut, second, u) == errc::message_too_short);
    CHECK(u.change == flow_change::none);
    u.change = flow_change::closed;
    u.current = cut;
    CHECK(t.commit(u) == errc::message_too_short);
    CHECK(content_hash(cut) == 0);
  }
  CHECK(t.flows() == 1);
  CHECK(t.tombstones() == 0);
}

TEST_CASE("sockets whose cookies have the same two words are two") {
  flow_table t = made_table();
  made_socket one;
  one.cookie = 0x0000000100000002;
  made_socket other;
  other.cookie = 0x0000000200000001;
  CHECK(feed(t, one) == flow_change::opened);
  (void)absent_after_cycle(t);
  // The table expects the first one next.
  CHECK(feed(t, other) == flow_change::opened);
  CHECK(t.flows() == 2);
  CHECK(absent_after_cycle(t) == std::map<std::uint64_t, std::uint32_t>{{0x0000000100000002, 1}});
}

TEST_CASE("each byte of a message is a change but those that move by themselves") {
  // Ages: last_data_sent 44, last_data_recv 52, last_ack_recv 56. Clocks: busy_time 168,
  // rwnd_limited 176, sndbuf_limited 184, total_rto_time 244. And expires in the header.
  std::set<std::size_t> silent;
  const auto silence = [&](std::size_t at, std::size_t size) {
    for (std::size_t i = 0; i < size; ++i) silent.insert(at + i);
  };
  made_socket probe;
  const message original = probe.view();
  const std::size_t info_at =
      static_cast<std::size_t>(original.find(attribute_type::info)->data() - original.bytes.data());
  silence(wire::expires_at, 4);
  for (const std::size_t at : {44U, 52U, 56U, 244U}) silence(info_at + at, 4);
  for (const std::size_t at : {168U, 176U, 184U}) silence(info_at + at, 8);

  for (std::size_t at = 0; at < original.bytes.size(); ++at) {
    if (at >= wire::cookie_at && at < wire::cookie_at + 8) continue;
    flow_table t = made_table();
    made_socket s;
    REQUIRE(feed(t, s) == flow_change::opened);
    const message same = s.view();
    std::vector<std::byte> changed(same.bytes.begin(), same.bytes.end());
    changed[at] ^= std::byte{1};
    flow_update u;
    REQUIRE_FALSE(t.update({changed}, second, u));
    INFO("byte " << at << ", INFO at " << info_at);
    const bool endpoint = at >= wire::sport_at && at < wire::interface_at;
    if (silent.contains(at))
      CHECK(u.change == flow_change::none);
    else
      CHECK(u.change == (endpoint ? flow_change::reused : flow_change::changed));
  }
}

TEST_CASE("what a newer kernel appends counts in full") {
  flow_table t = made_table();
  made_socket s;
  s.info.resize(300);
  CHECK(feed(t, s) == flow_change::opened);
  CHECK(feed(t, s) == flow_change::none);
  s.info[299] = 1;
  CHECK(feed(t, s) == flow_change::changed);
  CHECK(feed(t, s) == flow_change::none);
}

TEST_CASE("payloads of every length compare, and another length is a change") {
  for (const std::size_t length : {4U, 104U, 136U, 170U, 192U, 224U, 232U, 248U, 279U, 281U}) {
    flow_table t = made_table();
    made_socket s;
    s.info.resize(length);
    CHECK(feed(t, s) == flow_change::opened);
    CHECK(feed(t, s) == flow_change::none);
    if (length > 48) {
      s.info[44] = 7;  // an age
      CHECK(feed(t, s) == flow_change::none);
    }
    s.info[0] = 9;
    CHECK(feed(t, s) == flow_change::changed);
    s.info.resize(length + 8);
    CHECK(feed(t, s) == flow_change::changed);
    s.info.resize(length);
    CHECK(feed(t, s) == flow_change::changed);
    s.has_info = false;
    CHECK(feed(t, s) == flow_change::changed);
    CHECK(feed(t, s) == flow_change::none);
    s.has_info = true;
    CHECK(feed(t, s) == flow_change::changed);
  }
}

TEST_CASE(
    "stall times make a record of their own at most once a second, and are in every other record") {
  flow_table t = made_table();
  made_socket s;
  CHECK(feed(t, s, 0) == flow_change::opened);
  std::vector<std::int64_t> kept;
  for (std::int64_t at_ms = 10; at_ms <= 3000; at_ms += 10) {
    s.set(168, static_cast<std::uint64_t>(at_ms * 1000));  // busy_time runs
    if (feed(t, s, at_ms * 1'000'000) == flow_change::stall_times) kept.push_back(at_ms);
  }
  CHECK(kept == std::vector<std::int64_t>{1000, 2000, 3000});
  // A real change is recorded at once and starts the second anew.
  s.set(120, std::uint64_t{77});
  CHECK(feed(t, s, 3010 * 1'000'000LL) == flow_change::changed);
  s.set(168, std::uint64_t{9'999'999});
  CHECK(feed(t, s, 4000 * 1'000'000LL) == flow_change::none);
  CHECK(feed(t, s, 4010 * 1'000'000LL) == flow_change::stall_times);
  // A stall time that stands makes none.
  CHECK(feed(t, s, 9 * second) == flow_change::none);
  for (const std::size_t at : {176U, 184U, 244U}) {
    s.info[at] = 1;
    static std::int64_t now = 10 * second;
    CHECK(feed(t, s, now += 2 * second) == flow_change::stall_times);
  }
}

TEST_CASE("what was not committed is offered again") {
  flow_table t = made_table();
  made_socket s;
  flow_update u;
  for (int i = 0; i < 3; ++i) {
    REQUIRE_FALSE(t.update(s.view(), 0, u));
    CHECK(u.change == flow_change::opened);
    CHECK(u.known == 0);
    CHECK(t.flows() == 0);
  }
  REQUIRE_FALSE(t.commit(u));
  CHECK(t.flows() == 1);
  s.set(120, std::uint64_t{5});
  for (int i = 0; i < 3; ++i) {
    REQUIRE_FALSE(t.update(s.view(), 1, u));
    CHECK(u.change == flow_change::changed);
    CHECK(u.known == 1);
  }
  REQUIRE_FALSE(t.commit(u));
  REQUIRE_FALSE(t.update(s.view(), 2, u));
  CHECK(u.change == flow_change::none);
}

TEST_CASE("keys of MD5SIG are never kept nor handed on, and do not make every poll a change") {
  flow_table t = made_table();
  made_socket s;
  s.md5sig = std::string(99, 'k') + "!";
  flow_update u;
  REQUIRE_FALSE(t.update(s.view(), 0, u));
  CHECK(u.change == flow_change::opened);
  CHECK_FALSE(u.current.find(attribute_type::md5sig));
  REQUIRE(u.current.find(attribute_type::cong));
  CHECK(u.current.attributes().well_formed());
  REQUIRE_FALSE(t.commit(u));
  message kept;
  REQUIRE(t.find(1, kept));
  CHECK_FALSE(kept.find(attribute_type::md5sig));
  CHECK(feed(t, s) == flow_change::none);
  s.set(120, std::uint64_t{5});
  REQUIRE_FALSE(t.update(s.view(), second, u));
  CHECK(u.change == flow_change::changed);
  CHECK_FALSE(u.current.find(attribute_type::md5sig));
  REQUIRE_FALSE(t.destroyed(s.view(), 0, u));
  CHECK_FALSE(u.current.find(attribute_type::md5sig));
}

TEST_CASE("cookies of closed flows take no more memory than they may; the oldest are forgotten") {
  constexpr std::size_t bytes = std::size_t{48} << 10;
  constexpr std::uint64_t closed = 5000;
  for (const bool of_one_age : {false, true}) {
    flow_table t = made_table();
    t.bound_tombstones(bytes);
    made_socket s;
    for (s.cookie = 1; s.cookie <= closed; ++s.cookie) {
      CHECK(end(t, s) == flow_change::closed);
      CHECK(t.tombstone_bytes() <= bytes);
      if (!of_one_age && s.cookie % 100 == 0) t.age_closed();
    }
    CHECK(t.tombstones() + t.dropped_tombstones() == closed);
    CHECK(t.tombstones() > 1000);
    CHECK(t.tombstone_bytes() > bytes / 2);
    CHECK(t.memory_bytes() >= t.tombstone_bytes());
    if (of_one_age) continue;
    // What is left of a socket opens nothing while its cookie is remembered.
    for (s.cookie = closed - 900; s.cookie <= closed; ++s.cookie)
      CHECK(feed(t, s) == flow_change::none);
    s.cookie = 1;
    CHECK(feed(t, s) == flow_change::opened);
    // A bound that comes later holds at once; no bound lets them be.
    t.age_closed();
    s.cookie = closed;
    CHECK(feed(t, s) == flow_change::none);
    t.bound_tombstones(bytes / 4);
    CHECK(t.tombstones() < 400);
    CHECK(feed(t, s) == flow_change::none);
    t.bound_tombstones(0);
    for (s.cookie = closed + 1; s.cookie <= 2 * closed; ++s.cookie)
      CHECK(end(t, s) == flow_change::closed);
    CHECK(t.tombstones() > closed);
  }
  flow_table none;
  none.bound_tombstones(1);
  CHECK(none.dropped_tombstones() == 0);
  CHECK(none.tombstone_bytes() == 0);
}

TEST_CASE("a destroy event closes its cookie for good") {
  flow_table t = made_table();
  made_socket s;
  CHECK(feed(t, s) == flow_change::opened);
  made_socket other;
  other.cookie = 2;
  CHECK(end(t, s) == flow_change::closed);
  CHECK(t.flows() == 0);
  CHECK(t.tombstones() == 1);
  CHECK(end(t, s) == flow_change::none);
  // What is left of the socket is dumped on, and opens nothing.
  s.has_info = false;
  s.state = tcp_state::fin_wait2;
  for (int cycle = 0; cycle < 1000; ++cycle) {
    CHECK(feed(t, s) == flow_change::none);
    CHECK(absent_after_cycle(t).empty());
  }
  CHECK(t.tombstones() == 1);
  // Once it is not dumped any more the cookie is forgotten.
  for (int cycle = 0; cycle < 100; ++cycle) (void)absent_after_cycle(t);
  CHECK(t.tombstones() == 0);
  // Unknown cookies close too: connections shorter than a poll.
  flow_update u;
  REQUIRE_FALSE(t.destroyed(other.view(), 0, u));
  CHECK(u.change == flow_change::closed);
  CHECK(u.known == 0);
}

TEST_CASE("a mini socket makes one record, not one a poll") {
  flow_table t = made_table();
  made_socket s;
  CHECK(feed(t, s) == flow_change::opened);
  s.has_info = false;
  s.state = tcp_state::fin_wait2;
  s.expires = 60000;
  CHECK(feed(t, s) == flow_change::changed);
  for (int i = 0; i < 100; ++i) {
    s.expires -= 10;
    CHECK(feed(t, s, i * second) == flow_change::none);
  }
}

TEST_CASE("a final message is completed from the last one") {
  flow_table t = made_table();
  made_socket s;
  s.set(128, std::uint64_t{5000}).set(140, std::uint32_t{7}).set(0, std::uint8_t{1});
  feed(t, s);
  // As the kernel sends it of an ordinary end: INFO and nothing that polls show beside it.
  made_socket event = s;
  event.state = tcp_state::close;
  event.has_cong = false;
  event.set(0, std::uint8_t{7}).set(128, std::uint64_t{5001});
  constexpr std::uint32_t cong = attribute_bit(attribute_type::cong);
  const auto check_ordinary = [&] {
    flow_update u;
    REQUIRE_FALSE(t.destroyed(event.view(), 0, u));
    CHECK(u.carried == cong);
    CHECK(u.current.attributes().well_formed());
    REQUIRE(u.current.find(attribute_type::cong));
    CHECK(std::memcmp(u.current.find(attribute_type::cong)->data(), "cubic", 6) == 0);
    CHECK(wire::load<std::uint64_t>(u.current.find(attribute_type::info)->data() + 128) == 5001);
  };
  check_ordinary();
  // What is left of a closed socket may be seen before its end is told: it has no attributes.
  made_socket remains = s;
  remains.has_info = false;
  remains.state = tcp_state::fin_wait2;
  CHECK(feed(t, remains) == flow_change::changed);
  check_ordinary();
  const std::size_t memory = t.memory_bytes();
  remains.state = tcp_state::time_wait;
  CHECK(feed(t, remains, second) == flow_change::changed);
  CHECK(t.memory_bytes() == memory);
  check_ordinary();

  // The same of an abort: its ends, too.
  event.sport = 0;
  event.dport = 0;
  event.src = "0.0.0.0";
  event.info.assign(280, '\0');
  flow_update u;
  REQUIRE_FALSE(t.destroyed(event.view(), 0, u));
  CHECK(u.carried == (ends_bit | cong | attribute_bit(attribute_type::info)));
  CHECK(u.current.sport() == s.sport);
  CHECK(u.current.dport() == s.dport);
  CHECK(to_string(u.current.src()) == s.src);
  CHECK(wire::load<std::uint64_t>(u.current.find(attribute_type::info)->data() + 128) == 5000);

  // A socket in use again has nothing of what it was before.
  s.dport = 7;
  s.set(128, std::uint64_t{1});
  s.has_cong = false;
  CHECK(feed(t, s, 2 * second) == flow_change::reused);
  CHECK(t.memory_bytes() < memory);
  event.info = s.info;
  REQUIRE_FALSE(t.destroyed(event.view(), 0, u));
  CHECK(u.carried == ends_bit);
  CHECK(u.current.dport() == 7);
}

TEST_CASE("totals never go back: a final message that the kernel cleared carries the last ones") {
  flow_table t = made_table();
  made_socket s;
  s.set(128, std::uint64_t{5000}).set(140, std::uint32_t{7}).set(0, std::uint8_t{1});
  feed(t, s);
  made_socket event = s;
  event.state = tcp_state::close;
  event.dport = 0;
  event.md5sig = "secret";
  event.info.assign(280, '\0');
  event.set(0, std::uint8_t{7});
  flow_update u;
  REQUIRE_FALSE(t.destroyed(event.view(), 0, u));
  CHECK(u.change == flow_change::closed);
  CHECK(u.carried == (ends_bit | attribute_bit(attribute_type::info)));
  CHECK(u.current.state() == tcp_state::close);
  CHECK(u.current.dport() == s.dport);
  CHECK(u.current.attributes().well_formed());
  CHECK(u.current.find(attribute_type::cong));
  CHECK_FALSE(u.current.find(attribute_type::md5sig));
  const auto info = u.current.find(attribute_type::info);
  REQUIRE(info);
  CHECK(std::memcmp(info->data(), s.info.data(), 280) == 0);
  // A true final message is left alone; 32-bit totals may wrap.
  s.set(140, std::uint32_t{0xffffffff});
  feed(t, s);
  event = s;
  event.state = tcp_state::close;
  event.set(128, std::uint64_t{5001}).set(140, std::uint32_t{3});
  REQUIRE_FALSE(t.destroyed(event.view(), 0, u));
  CHECK(u.carried == 0);
  // Of a socket that no poll saw, what the event says is all there is.
  event.cookie = 99;
  event.info.assign(280, '\0');
  REQUIRE_FALSE(t.destroyed(event.view(), 0, u));
  CHECK(u.carried == 0);
}

TEST_CASE("a poll that meets a socket in its own reset shows nothing new, and the end carries on") {
  flow_table t = made_table();
  made_socket s;
  s.set(128, std::uint64_t{5000}).set(140, std::uint32_t{7}).set(0, std::uint8_t{1});
  feed(t, s);
  made_socket cleared = s;
  cleared.info.assign(280, '\0');
  cleared.set(0, std::uint8_t{7});
  CHECK(feed(t, cleared) == flow_change::none);
  made_socket event = cleared;
  event.state = tcp_state::close;
  event.dport = 0;
  flow_update u;
  REQUIRE_FALSE(t.destroyed(event.view(), 0, u));
  CHECK(u.carried == (ends_bit | attribute_bit(attribute_type::info)));
  CHECK(u.reused == 0);
}

TEST_CASE("what is met while its ends are taken from it is no other connection") {
  made_socket s;
  s.set(128, std::uint64_t{5000});
  // In the order in which the kernel takes them away: any closing, then an abort.
  made_socket closing = s;
  closing.sport = 0;
  made_socket aborted = closing;
  aborted.dport = 0;
  made_socket without_address = aborted;
  without_address.src = "0.0.0.0";
  without_address.state = tcp_state::close;
  // One that was bound to its port keeps that.
  made_socket bound = without_address;
  bound.sport = s.sport;
  made_socket bound_fully = bound;
  bound_fully.src = s.src;
  for (made_socket* const taken : {&closing, &aborted, &without_address, &bound, &bound_fully}) {
    flow_table t = made_table();
    CHECK(feed(t, s) == flow_change::opened);
    CHECK(feed(t, *taken) == flow_change::none);
    taken->set(128, std::uint64_t{5001});
    CHECK(feed(t, *taken) == flow_change::none);
    message last;
    REQUIRE(t.find(s.cookie, last));
    CHECK(last.sport() == s.sport);
    CHECK(last.dport() == s.dport);
    CHECK(end(t, s) == flow_change::closed);
  }
  // Nor does one begin so: its end tells of it.
  flow_table t = made_table();
  CHECK(feed(t, closing) == flow_change::none);
  CHECK(t.flows() == 0);
  CHECK(end(t, s) == flow_change::closed);
}

TEST_CASE("a socket that listens where it was connected is told apart from one that closes") {
  flow_table t = made_table();
  made_socket s;
  CHECK(feed(t, s) == flow_change::opened);
  s.state = tcp_state::listen;
  s.src = s.dst = "0.0.0.0";
  s.dport = 0;
  CHECK(feed(t, s) == flow_change::reused);
}

TEST_CASE("a socket that is used again is another connection, to the same end or not") {
  flow_table t = made_table();
  made_socket s;
  s.set(128, std::uint64_t{5000});
  CHECK(feed(t, s) == flow_change::opened);
  s.dport = 1;
  CHECK(feed(t, s) == flow_change::reused);
  s.set(128, std::uint64_t{4999});
  CHECK(feed(t, s) == flow_change::reused);
  s.set(128, std::uint64_t{6000});
  CHECK(feed(t, s) == flow_change::changed);
}

TEST_CASE("a socket that a dump shows twice makes one record a poll") {
  flow_table t = made_table();
  made_socket s;
  CHECK(feed(t, s, 10) == flow_change::opened);
  s.set(128, std::uint64_t{1});
  CHECK(feed(t, s, 10) == flow_change::none);
  CHECK(feed(t, s, 20) == flow_change::changed);
}

TEST_CASE("an absent flow tells since when, and whether tcp_info of it was ever seen") {
  flow_table t = made_table();
  made_socket full;
  made_socket mini;
  mini.cookie = 2;
  mini.has_info = false;
  feed(t, full);
  feed(t, mini);
  full.has_info = false;
  feed(t, full);
  t.end_cycle(true, 1 * second, nullptr, nullptr);
  for (std::int64_t at = 2; at < 5; ++at) {
    std::size_t seen = 0;
    t.end_cycle(true, at * second, [&](const flow_absence& a) {
      CHECK(a.since_ns == 2 * second);
      CHECK(a.had_info == (a.cookie == 1 ? 1 : 0));
      ++seen;
    });
    CHECK(seen == 2);
  }
}

TEST_CASE("a final message of another connection of the same socket is told as such") {
  flow_table t = made_table();
  made_socket s;
  s.set(128, std::uint64_t{5000});
  feed(t, s);
  made_socket event = s;
  event.state = tcp_state::close;
  event.dst = "10.4.4.4";
  event.set(128, std::uint64_t{70});
  flow_update u;
  REQUIRE_FALSE(t.destroyed(event.view(), 0, u));
  CHECK(u.change == flow_change::closed);
  CHECK(u.reused == 1);
  CHECK(u.carried == 0);
  CHECK(wire::load<std::uint64_t>(u.current.find(attribute_type::info)->data() + 128) == 70);
}

TEST_CASE("only a complete cycle is evidence of absence") {
  flow_table t = made_table();
  made_socket a;
  made_socket b;
  b.cookie = 2;
  feed(t, a);
  feed(t, b);
  CHECK(absent_after_cycle(t).empty());
  feed(t, a);
  CHECK(absent_after_cycle(t) == std::map<std::uint64_t, std::uint32_t>{{2, 1}});
  // Cycles that failed prove nothing, however many.
  for (int i = 0; i < 10; ++i) {
    bool called = false;
    t.end_cycle(false, 0, [&](const flow_absence&) { called = true; });
    CHECK_FALSE(called);
  }
  feed(t, a);
  CHECK(absent_after_cycle(t) == std::map<std::uint64_t, std::uint32_t>{{2, 2}});
  feed(t, a);
  feed(t, b);
  CHECK(absent_after_cycle(t).empty());
  CHECK(absent_after_cycle(t) == std::map<std::uint64_t, std::uint32_t>{{1, 1}, {2, 1}});
  t.erase(2);
  CHECK(absent_after_cycle(t) == std::map<std::uint64_t, std::uint32_t>{{1, 2}});
  // Erased, not closed: the cookie may come back.
  CHECK(feed(t, b) == flow_change::opened);
}

TEST_CASE("a table that was never reset refuses work") {
  flow_table t;
  made_socket s;
  flow_update u;
  CHECK(t.update(s.view(), 0, u) == errc::not_open);
  CHECK(t.destroyed(s.view(), 0, u) == errc::not_open);
  CHECK(t.flows() == 0);
  CHECK(t.memory_bytes() == 0);
}

TEST_CASE("memory of ten thousand flows stays below one kilobyte each") {
  flow_table t = made_table();
  made_socket s;
  for (std::uint64_t cookie = 1; cookie <= 10'000; ++cookie) {
    s.cookie = cookie;
    CHECK(feed(t, s) == flow_change::opened);
  }
  CHECK(t.flows() == 10'000);
  CHECK(t.memory_bytes() < 10'000 * 1024);
}

TEST_CASE("a poll in which no connection is opened allocates nothing") {
  flow_table t = made_table();
  std::vector<made_socket> sockets(200);
  for (std::size_t i = 0; i < sockets.size(); ++i) {
    sockets[i].cookie = i + 1;
    feed(t, sockets[i]);
  }
  std::vector<std::vector<std::byte>> messages;
  for (made_socket& s : sockets) {
    const message m = s.view();
    messages.emplace_back(m.bytes.begin(), m.bytes.end());
  }
  const std::size_t info_at = [&] {
    const message m{messages[0]};
    return static_cast<std::size_t>(m.find(attribute_type::info)->data() - m.bytes.data());
  }();
  const std::size_t before = allocations;
  int changes = 0;
  for (std::int64_t poll = 1; poll <= 100; ++poll) {
    for (std::size_t i = 0; i < messages.size(); ++i) {
      // Every third connection moves.
      if (i % 3 == 0) messages[i][info_at + 128] = static_cast<std::byte>(poll);
      flow_update u;
      if (t.update({messages[i]}, poll * second, u) || t.commit(u)) ++changes;
      if (u.change != flow_change::none) ++changes;
    }
    t.end_cycle(true, poll * second, nullptr, nullptr);
  }
  CHECK(allocations == before);
  CHECK(changes == 67 * 100);
}

TEST_CASE(
    "what was seen before a cycle was begun anew is absent where the cycle does not show it") {
  flow_table t = made_table();
  made_socket a;
  a.cookie = 1;
  made_socket b;
  b.cookie = 2;
  CHECK(feed(t, a) == flow_change::opened);
  CHECK(feed(t, b) == flow_change::opened);
  t.end_cycle(true, second, nullptr, nullptr);
  // Asked for, one by one; then a walk shows one of them.
  CHECK(feed(t, a.set(128, std::uint64_t{1}), 2 * second) == flow_change::changed);
  CHECK(feed(t, b.set(128, std::uint64_t{1}), 2 * second) == flow_change::changed);
  t.begin_cycle();
  CHECK(feed(t, b, 3 * second) == flow_change::none);
  std::vector<std::uint64_t> absent;
  t.end_cycle(true, 3 * second,
              [&](const flow_absence& one) noexcept { absent.push_back(one.cookie); });
  CHECK(absent == std::vector<std::uint64_t>{1});
}

TEST_CASE("closed cookies are forgotten by age, without complete cycles") {
  flow_table t = made_table();
  made_socket s;
  CHECK(feed(t, s) == flow_change::opened);
  flow_update u;
  REQUIRE_FALSE(t.destroyed(s.view(), second, u));
  REQUIRE_FALSE(t.commit(u));
  CHECK(t.tombstones() == 1);
  for (int i = 0; i < 60; ++i) t.age_closed();
  CHECK(t.tombstones() == 1);
  CHECK(feed(t, s, 2 * second) == flow_change::none);
  for (int i = 0; i < 60; ++i) t.age_closed();
  CHECK(t.tombstones() == 1);  // it was seen in between
  for (int i = 0; i < 32; ++i) t.age_closed();
  CHECK(t.tombstones() == 0);
}

TEST_CASE(
    "the hash of what a message says is another where a table finds a change, and only there") {
  std::mt19937 random(3);
  made_socket before;
  before.md5sig = std::string(100, 'k');
  for (int step = 0; step < 3000; ++step) {
    made_socket after = before;
    switch (random() % 6) {
      case 0:
        after.expires = static_cast<std::uint32_t>(random());
        break;
      case 1:
        after.cong = std::string(1 + random() % 9, 'c');
        break;
      case 2:
        after.md5sig = std::string(random() % 2 * 100, 'q');
        break;
      case 3:
        after.info.resize(270 + random() % 40);
        break;
      default:
        after.info[random() % after.info.size()] = static_cast<char>(random());
    }
    flow_table t = made_table();
    CHECK(feed(t, before, second) == flow_change::opened);
    flow_update u;
    REQUIRE_FALSE(t.update(after.view(), second + 1, u));
    const bool same = content_hash(before.view()) == content_hash(after.view());
    INFO(step);
    REQUIRE(same == (u.change == flow_change::none));
    before = after;
  }
}

TEST_CASE("flows are found wherever a walk shows them, and whatever came and went") {
  std::mt19937 random(5);
  flow_table t = made_table();
  std::map<std::uint64_t, std::uint32_t> there;  // with what was last seen of them
  std::vector<std::uint64_t> order;
  std::int64_t now = second;
  std::uint64_t next = 1;
  made_socket s;
  for (int poll = 0; poll < 400; ++poll, now += second) {
    const auto show = [&](std::uint64_t cookie) {
      s.cookie = cookie;
      const bool moves = random() % 3 == 0;
      const auto known = there.find(cookie);
      const std::uint32_t value = known == there.end() ? 0 : known->second + (moves ? 1 : 0);
      s.set(128, std::uint64_t{value});
      // Longer ones now and then: their blocks are made anew.
      s.cong = std::string(1 + cookie % 7 + (value % 5 == 4 ? 90 : 0), 'c');
      flow_update u;
      REQUIRE_FALSE(t.update(s.view(), now, u));
      const bool expected = known == there.end() || moves;
      REQUIRE((u.change != flow_change::none) == expected);
      REQUIRE(u.known == (known == there.end() ? 0 : 1));
      if (u.change != flow_change::none) REQUIRE_FALSE(t.commit(u));
      there[cookie] = value;
    };
    for (unsigned i = 0; i < random() % 6; ++i)
      order.insert(order.begin() + static_cast<std::ptrdiff_t>(random() % (order.size() + 1)),
                   next++);
    if (random() % 10 == 0) std::shuffle(order.begin(), order.end(), random);
    if (random() % 7 == 0 && !order.empty()) show(order[random() % order.size()]);
    if (random() % 5 == 0) t.begin_cycle();
    now += second;
    for (std::size_t i = 0; i < order.size();) {
      if (random() % 40 == 0) {
        // Ends in the middle of the walk.
        t.erase(order[i]);
        there.erase(order[i]);
        order.erase(order.begin() + static_cast<std::ptrdiff_t>(i));
        continue;
      }
      show(order[i++]);
    }
    REQUIRE(t.flows() == there.size());
    t.end_cycle(random() % 8 != 0, now, nullptr, nullptr);
  }
}

TEST_CASE("the cookie map agrees with std::map over a random history") {
  struct entry {
    std::uint64_t cookie = 0;
    int value = 0;
    bool present = false;
    bool used() const { return present; }
  };
  cookie_map<entry> map;
  std::map<std::uint64_t, int> oracle;
  std::mt19937_64 random(42);
  for (int step = 0; step < 200'000; ++step) {
    // Few cookies, many collisions and removals; some far apart.
    const std::uint64_t cookie = random() % 700 * (random() % 8 == 0 ? 0x10001 : 1);
    entry* found = map.find(cookie);
    REQUIRE((found != nullptr) == oracle.contains(cookie));
    if (found != nullptr) {
      REQUIRE(found->value == oracle[cookie]);
      if (random() % 2 == 0) {
        map.erase(found);
        oracle.erase(cookie);
      }
    } else if (random() % 2 == 0) {
      REQUIRE(map.reserve_one());
      map.insert({cookie, step, true});
      oracle[cookie] = step;
    }
    if (step % 5000 == 0) {
      map.erase_if([](const entry& e) { return e.value % 3 == 0; });
      std::erase_if(oracle, [](const auto& e) { return e.second % 3 == 0; });
    }
    REQUIRE(map.size() == oracle.size());
  }
  std::size_t visited = 0;
  map.for_each([&](entry& e) {
    CHECK(oracle.at(e.cookie) == e.value);
    ++visited;
  });
  CHECK(visited == oracle.size());
}

TEST_CASE("a table that calls back is busy") {
  flow_table t = made_table();
  made_socket s;
  made_socket other;
  other.cookie = 2;
  feed(t, s);
  unsigned calls = 0;
  const auto judge = [&] {
    flow_update u;
    CHECK(t.update(other.view(), 5, u) == errc::busy);
    CHECK(t.destroyed(other.view(), 5, u) == errc::busy);
    CHECK(t.commit(u) == errc::busy);
    CHECK(t.reset({}) == errc::busy);
    CHECK(t.erase(1) == errc::busy);
    CHECK(t.for_each([](const message&) {}) == errc::busy);
    CHECK(t.end_cycle(true, 5, nullptr, nullptr) == errc::busy);
    CHECK(t.flows() == 1);
    ++calls;
  };
  CHECK_FALSE(t.for_each([&](const message&) { judge(); }));
  // It was seen in this one.
  CHECK_FALSE(t.end_cycle(true, 10, [&](const flow_absence&) { judge(); }));
  CHECK_FALSE(t.end_cycle(true, 20, [&](const flow_absence&) { judge(); }));
  CHECK(calls == 2);
  CHECK(feed(t, other) == flow_change::opened);
}

TEST_CASE("callbacks of a table can stop, and what goes wrong is said") {
  flow_table t = made_table();
  made_socket s;
  for (std::uint64_t cookie = 1; cookie <= 3; ++cookie) {
    s.cookie = cookie;
    feed(t, s);
  }
  int calls = 0;
  const auto stop = [&](const auto&) {
    ++calls;
    return iteration::stop;
  };
  CHECK(t.for_each(stop) == errc::stopped);
  CHECK(calls == 1);
  CHECK_FALSE(t.end_cycle(true, 10, nullptr, nullptr));
  CHECK(t.end_cycle(true, 20, stop) == errc::stopped);
  CHECK(calls == 2);
  // The cycle has ended all the same: each has been absent twice after the next one.
  CHECK_FALSE(
      t.end_cycle(true, 30, [&](const flow_absence& a) { calls += a.cycles == 2 ? 10 : 0; }));
  CHECK(calls == 32);
  CHECK(t.for_each(nullptr, nullptr) == errc::invalid_argument);
  CHECK_FALSE(t.erase(77));
  flow_table none;
  CHECK(none.erase(1) == errc::not_open);
  CHECK(none.for_each(stop) == errc::not_open);
  CHECK(none.end_cycle(true, 1, nullptr, nullptr) == errc::not_open);
}

TEST_CASE("answers that no table gave are refused") {
  flow_table t = made_table();
  made_socket s;
  flow_update u;
  u.size = sizeof u - 1;
  CHECK(t.update(s.view(), 1, u) == errc::invalid_argument);
  CHECK(t.destroyed(s.view(), 1, u) == errc::invalid_argument);
  CHECK(t.commit(u) == errc::invalid_argument);
  u = {};
  REQUIRE_FALSE(t.update(s.view(), 1, u));
  u.change = static_cast<flow_change>(6);
  CHECK(t.commit(u) == errc::invalid_argument);
  CHECK(t.flows() == 0);
  flow_table_options options;
  options.stall_interval_ns = -1;
  CHECK(t.reset(options) == errc::invalid_argument);
  // What a later header has behind is left alone.
  struct {
    flow_update known;
    std::uint64_t later = 42;
  } more;
  more.known.size = sizeof more;
  REQUIRE_FALSE(t.update(s.view(), 1, more.known));
  CHECK((more.known.size == sizeof more && more.later == 42));
  CHECK(t.commit(more.known) == errc::invalid_argument);
  more.later = 0;
  CHECK_FALSE(t.commit(more.known));
  CHECK(t.flows() == 1);
}

TEST_CASE("moments are time points, where one likes") {
  using namespace std::chrono;
  flow_table t;
  flow_table_options options;
  options.set_stall_interval(milliseconds(1500));
  CHECK((options.stall_interval_ns == 1'500'000'000 && options.stall_interval() == 1500ms));
  REQUIRE_FALSE(t.reset(options));
  made_socket s;
  flow_update u;
  const steady_clock::time_point now{seconds(7)};
  REQUIRE_FALSE(t.update(s.view(), now, u));
  CHECK(u.now_ns == 7'000'000'000);
  REQUIRE_FALSE(t.commit(u));
  t.end_cycle(true, now, [](const flow_absence&) {});
  steady_clock::time_point since;
  t.end_cycle(true, now + 1s, [&](const flow_absence& a) { since = a.since(); });
  CHECK(since == now + 1s);
  REQUIRE_FALSE(t.destroyed(s.view(), now + 2s, u));
  CHECK(u.now_ns == 9'000'000'000);
}
