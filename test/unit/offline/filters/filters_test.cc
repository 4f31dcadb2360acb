// SPDX-License-Identifier: Apache-2.0
#include "offline/filters/filters.h"

#include <algorithm>

#include "offline/filters/unmet.h"
#include "offline/text/times.h"
#include "unit/catch.h"
#include "unit/offline/files.h"
#include "unit/offline/made_segment.h"

using namespace tcpinfo;
using namespace tcpinfo::offline;

namespace {

ip_prefix prefix(std::string_view text) {
  ip_prefix p;
  if (parse_ip_prefix(text, p)) std::abort();
  return p;
}

/// Seconds of the records of `text` that pass, in order.
std::vector<std::int64_t> pass(const std::string& text, const filter_options& options,
                               const std::string& name = "x.jsonl") {
  scratch dir;
  input_reader reader([](const input_fault& f) {
    FAIL(to_string(f));
    return true;
  });
  record_filter filter(options);
  thinner thin(options.every_ns);
  std::vector<std::int64_t> passed;
  const auto emit = [&passed](const input_record& r) {
    if (!r.has_message) return;
    // What was held back must still be whole.
    CHECK(r.m.cookie() != 0);
    CHECK((r.context->in_segment || r.parsed->time() == r.time));
    CHECK((r.context->in_segment || r.m.bytes.size() == r.parsed->view().bytes.size()));
    passed.push_back(r.time.seconds - at_second(0).seconds);
  };
  REQUIRE(reader.open(dir.file(name, text)));
  input_record r;
  while (reader.next(r))
    if (filter.wants(r)) thin.push(r, emit);
  thin.flush(emit);
  return passed;
}

using seconds = std::vector<std::int64_t>;

}  // namespace

TEST_CASE("states have the kernel's names and constants, and every word of ss, in any case") {
  const auto states = [](std::string_view text) {
    std::uint32_t bits = 0;
    CHECK(parse_states(text, bits) == "");
    return bits;
  };
  CHECK(states("ESTABLISHED") == 1U << 1U);
  CHECK(states("estab") == 1U << 1U);
  CHECK(states("close-wait, CLOSE_WAIT,Fin_Wait1") == (1U << 8U | 1U << 4U));
  CHECK(states("UNCONN") == 1U << 7U);
  const std::string_view words[] = {"established", "syn-sent",  "syn-recv", "fin-wait-1",
                                    "fin-wait-2",  "time-wait", "closed",   "close-wait",
                                    "last-ack",    "listening", "closing"};
  const std::string_view constants[] = {"TCP_ESTABLISHED", "TCP_SYN_SENT",   "TCP_SYN_RECV",
                                        "TCP_FIN_WAIT1",   "TCP_FIN_WAIT2",  "TCP_TIME_WAIT",
                                        "TCP_CLOSE",       "TCP_CLOSE_WAIT", "TCP_LAST_ACK",
                                        "TCP_LISTEN",      "TCP_CLOSING"};
  for (std::uint32_t i = 0; i < std::size(words); ++i) {
    CHECK(states(words[i]) == 1U << (i + 1));
    CHECK(states(constants[i]) == 1U << (i + 1));
  }
  CHECK(states("syn-rcv") == 1U << 3U);
  CHECK(states("unconnected,listen") == (1U << 7U | 1U << 10U));
  CHECK(states("all") == ~0U);
  CHECK(states("connected") == 0x1b7eU);     // 1 to 12 but 7 and 10
  CHECK(states("synchronized") == 0x1b7aU);  // and but 2
  CHECK(states("bucket") == (1U << 3U | 1U << 6U));
  CHECK(states("big") == ~states("bucket"));
  std::uint32_t added = 1U << 1U;
  CHECK(parse_states("closing", added).empty());
  CHECK(added == (1U << 1U | 1U << 11U));

  for (const std::string bad : {"open", "1", "tcp", "tcp_all"}) {
    const std::string says = parse_states("established," + bad, added);
    CHECK(says.starts_with("'" + bad + "' is no TCP state: they are established, "));
    for (const std::string_view word : words) CHECK(says.find(word) != std::string::npos);
    CHECK(says.ends_with("groups of them all, connected, synchronized, bucket, big"));
  }
  for (const std::string_view bad : {"", "ESTABLISHED,"})
    CHECK(parse_states(bad, added) == "an item is empty (a comma too many?)");
}

TEST_CASE("ports and addresses match either end, or the one named") {
  record_filter any({});
  socket_id id;
  REQUIRE(!parse_ip_address("::ffff:192.0.2.7", id.src));
  REQUIRE(!parse_ip_address("2001:db8::9", id.dst));
  id.sport = 443;
  id.dport = 5201;
  const auto wants = [&id](const filter_options& o) {
    return record_filter(o).wants_connection("u", id);
  };
  CHECK(wants({}));
  CHECK(wants({.ports = {443}}));
  CHECK(wants({.ports = {5201}}));
  CHECK_FALSE(wants({.ports = {80}}));
  CHECK(wants({.sports = {443}}));
  CHECK_FALSE(wants({.sports = {5201}}));
  CHECK(wants({.dports = {80, 5201}}));
  CHECK(wants({.hosts = {prefix("192.0.2.0/24")}}));
  CHECK(wants({.hosts = {prefix("2001:db8::/32")}}));
  CHECK(wants({.srcs = {prefix("192.0.2.7")}}));
  CHECK_FALSE(wants({.dsts = {prefix("192.0.2.0/24")}}));
  CHECK_FALSE(wants({.sports = {443}, .dsts = {prefix("::1")}}));
  // On one interface.
  id.interface = 3;
  const auto on = [](std::uint32_t index) {
    text::host_prefix h(prefix("2001:db8::/32"));
    h.interface = index;
    return h;
  };
  CHECK(wants({.hosts = {on(3)}}));
  CHECK(wants({.dsts = {on(2), on(3)}}));
  CHECK_FALSE(wants({.hosts = {on(2)}}));
  CHECK_FALSE(wants({.srcs = {on(3)}}));
  CHECK(wants({.uuids = {"v", "u"}}));
  CHECK_FALSE(wants({.uuids = {"v"}}));
}

TEST_CASE("since is inside, until is not") {
  made_socket s;
  std::string text;
  for (int i = 0; i < 5; ++i) text += record_line(at_second(i), s.view());
  CHECK(pass(text, {.since = at_second(1), .until = at_second(3)}) == seconds{1, 2});
  // Other offsets mean the same moments.
  CHECK(pass(text, {.since = timestamp{at_second(4).seconds, 0, -3600}}) == seconds{4});
}

TEST_CASE("the end of an aborted connection belongs to it, though it has no remote port") {
  made_socket s;
  std::string text = record_line(at_second(0), s.view());
  s.state = tcp_state::close;
  s.dport = 0;
  text += record_line(at_second(1), s.view());
  CHECK(pass(text, {.dports = {50000}}) == seconds{0, 1});
  CHECK(pass(text, {.dports = {1}}).empty());
}

TEST_CASE("thinning keeps the first, the last and every change of state") {
  made_socket s;
  std::string text;
  for (int i = 0; i < 30; ++i) {
    s.state = i >= 17 ? tcp_state::close_wait : tcp_state::established;
    text += record_line(at_second(i), s.view());
  }
  CHECK(pass(text, {.every_ns = 10'000'000'000}) == seconds{0, 10, 17, 27, 29});
  CHECK(pass(text, {.every_ns = 1'000'000'000'000}) == seconds{0, 17, 29});
  CHECK(pass(text, {.every_ns = 1}).size() == 30);
  CHECK(pass(record_line(at_second(3), s.view()), {.every_ns = 1'000'000'000}) == seconds{3});
}

TEST_CASE("thinning tells connections in one input apart") {
  made_socket a;
  made_socket b;
  b.cookie = 2;
  std::string text;
  for (int i = 0; i < 10; ++i) {
    text += record_line(at_second(i), a.view());
    text += record_line(at_second(100 + i), b.view());
  }
  CHECK(pass(text, {.every_ns = 60'000'000'000}) == seconds{0, 100, 9, 109});
  // Another file's records inside one input: what is held of the first comes before them.
  CHECK(pass(metadata_line("a", 0) + record_line(at_second(0), a.view()) +
                 record_line(at_second(1), a.view()) + record_line(at_second(2), a.view()) +
                 metadata_line("b", 0) + record_line(at_second(3), a.view()) +
                 record_line(at_second(4), a.view()),
             {.every_ns = 60'000'000'000}) == seconds{0, 2, 3, 4});
}

TEST_CASE("thinning and filters go on over the blocks of a segment") {
  made_socket a;
  made_socket b;
  b.cookie = 2;
  b.dport = 7;
  const auto segment = [&](int block_seconds) {
    made_segment made;
    for (int i = 0; i < 12; ++i) {
      made.add("a.00000.jsonl", at_second(i), a.view());
      made.add("b.00000.jsonl", at_second(100 + i), b.view());
      if (i % block_seconds == block_seconds - 1) made.block();
    }
    for (made_socket* s : {&a, &b}) {
      made_socket end = *s;
      end.state = tcp_state::close;
      end.dport = 0;
      made.add(s == &a ? "a.00000.jsonl" : "b.00000.jsonl", at_second(s == &a ? 20 : 120),
               end.view());
    }
    return made.text();
  };
  for (const int block_seconds : {1, 3, 5}) {
    const std::string text = segment(block_seconds);
    const auto passed = [&](const filter_options& o) { return pass(text, o, "x.tcpseg.zst"); };
    const auto sorted = [&](const filter_options& o) {
      auto all = passed(o);
      std::sort(all.begin(), all.end());
      return all;
    };
    CHECK(passed({}).size() == 26);
    CHECK(sorted({.every_ns = 10'000'000'000}) == seconds{0, 10, 20, 100, 110, 120});
    CHECK(sorted({.every_ns = 60'000'000'000}) == seconds{0, 20, 100, 120});
    // The ends of both have no port any more.
    CHECK(sorted({.dports = {50000}, .every_ns = 60'000'000'000}) == seconds{0, 20});
    CHECK(sorted({.dports = {7}, .every_ns = 60'000'000'000}) == seconds{100, 120});
  }
  // Without an end, the last one comes behind all others.
  made_segment open;
  for (int i = 0; i < 4; ++i)
    open.add("a.00000.jsonl", at_second(i), a.view())
        .add("b.00000.jsonl", at_second(100 + i), b.view())
        .block();
  CHECK(pass(open.text(), {.every_ns = 60'000'000'000}, "x.tcpseg") == seconds{0, 100, 3, 103});
  // Archives of one connection are as two files are.
  made_segment two;
  two.add("a.00000.jsonl", at_second(0), a.view()).add("a.00001.jsonl", at_second(1), a.view());
  CHECK(pass(two.text(), {.every_ns = 60'000'000'000}, "x.tcpseg") == seconds{0, 1});
}

TEST_CASE("moments are read and written as documented") {
  // A Saturday at noon, UTC.
  const timestamp now{1769860800, 250'000'000, 0};
  const auto t = [&now](std::string_view text) {
    timestamp moment{-1, 0, 0};
    CHECK(parse_moment(text, now, moment) == "");
    return moment;
  };
  const timestamp noon{1769860800, 0, 0};
  CHECK(t("2026-01-31T12:00:00Z") == noon);
  CHECK(t("2026-01-31T12:00:00") == noon);
  CHECK(t("2026-01-31 12:00") == noon);
  for (const std::string_view same :
       {"2026-01-31t12:00:00z", "2026-01-31T12:00Z", "2026-01-31 12:00 UTC", "2026-01-31 12:00utc",
        "2026-01-31T12:00:00 GMT", " 2026-01-31T12:00:00Z ", "1769860800", "@1769860800"})
    CHECK(t(same) == noon);
  for (const std::string_view same :
       {"2026-01-31T14:00:00+02:00", "2026-01-31T14:00:00+0200", "2026-01-31 14:00 +0200",
        "2026-01-31 14:00:00+02", "2026-01-31T14:00:00.000+02:00"})
    CHECK(t(same).seconds == noon.seconds);
  CHECK(t("2026-01-31T06:30:00-0530").seconds == noon.seconds);
  CHECK(t("2026-01-31") == timestamp{1769817600, 0, 0});
  CHECK(t("2026-01-31 UTC") == timestamp{1769817600, 0, 0});
  CHECK(t("20260131") == timestamp{1769817600, 0, 0});
  CHECK(t("1769860800.000000001") == timestamp{1769860800, 1, 0});
  CHECK(t("999999999.5") == timestamp{999'999'999, 500'000'000, 0});
  CHECK(t("@0") == timestamp{0, 0, 0});
  CHECK(t("@20260131") == timestamp{20260131, 0, 0});
  CHECK(t("@-0.25") == timestamp{-1, 750'000'000, 0});
  CHECK(t("now") == now);
  CHECK(t("Today") == timestamp{1769817600, 0, 0});
  CHECK(t("yesterday") == timestamp{1769731200, 0, 0});
  CHECK(t("-1h") == timestamp{1769857200, 250'000'000, 0});
  CHECK(t("-1d30m0.5s") == timestamp{1769772599, 750'000'000, 0});

  const auto wrong = [&now](std::string_view text) {
    timestamp moment{-1, 0, 0};
    const std::string says = parse_moment(text, now, moment);
    CHECK(moment == timestamp{-1, 0, 0});
    return says;
  };
  for (const std::string bad :
       {"", "tomorrow", "2026-13-01", "2026-01-31T25:00:00Z", "1e9", "-", "2026-01-31T", "+1h",
        "-1", "2026-01-31-05", "2026-01-31T12:00:00+1", "2026-01-31T12:00:00 CET", "12:00"})
    CHECK(wrong(bad).starts_with("'" + bad + "' is no time"));
  // What looks like a number says how to write it.
  CHECK(wrong("20261331") ==
        "'20261331' is no date: 2026-13-31 (seconds since 1970 would be @20261331)");
  CHECK(wrong("1769860800123") ==
        "'1769860800123' is no time: write it in seconds since 1970, @1769860800.123");
  CHECK(wrong("1769860800123456789") ==
        "'1769860800123456789' is no time: write it in seconds since 1970, @1769860800.123456789");
  for (const std::string number : {"0", "1", "2026", "202601", "20260131.5", "12345678901"})
    CHECK(wrong(number) == "'" + number + "' is no time: write seconds since 1970 as @" + number +
                               ", a date as 2026-01-31, and a time before now as -1h");
  for (const std::string number : {"-5", "1.", ".5", "1.2.3", "99999999999999"})
    CHECK(wrong(number).starts_with("'" + number + "' is no time: write seconds since 1970 as @"));
  CHECK(wrong("@x").starts_with("'@x' is no time: behind @ stand seconds"));

  const auto write = [](const timestamp& m, time_style style) {
    std::array<char, max_moment_size> text;
    return std::string(text.data(), format_moment(m, style, text));
  };
  const timestamp offset{1769860800, 500'000'000, 7200};
  CHECK(write(offset, time_style::utc) == "2026-01-31T12:00:00.5Z");
  CHECK(write(offset, time_style::as_is) == "2026-01-31T14:00:00.5+02:00");
  CHECK(write(offset, time_style::epoch) == "1769860800.5");
  CHECK(write({-1, 750'000'000, 0}, time_style::epoch) == "-0.25");
  CHECK(write({0, 1, 0}, time_style::epoch) == "0.000000001");
  CHECK(write({}, time_style::epoch).empty());

  CHECK(nanoseconds_between({5, 1, 0}, {4, 999'999'999, 0}) == 2);
  CHECK(nanoseconds_between({4, 0, 0}, {5, 0, 3600}) == -1'000'000'000);
  CHECK(nanoseconds_between({1769860800, 0, 0}, {}) == std::numeric_limits<std::int64_t>::max());
}

TEST_CASE("a connection is asked for by its UUID, or by its cookie alone") {
  const uuid_list list{"h_1_00000000000000AB", "ab", "sk:1F", "0xf0", "other"};
  CHECK(uuid_list().empty());
  CHECK_FALSE(list.empty());
  CHECK(list.holds("h_1_00000000000000AC", 0x1f));
  CHECK(list.unmet() == std::vector<std::string>{"h_1_00000000000000AB", "ab", "0xf0", "other"});
  CHECK(list.holds("h_1_00000000000000AB", 0xab));  // two of them
  CHECK(list.holds("00000000000000F0", 0xf0));
  // Another boot's socket of that cookie is another connection, and the cookie alone finds it.
  CHECK(list.holds("h_2_00000000000000AB", 0xab));
  CHECK_FALSE(uuid_list{"h_1_00000000000000AB"}.holds("h_2_00000000000000AB", 0xab));
  CHECK_FALSE(list.holds("h_1_00000000000000AD", 0xad));
  const uuid_list copy = list;
  CHECK(copy.holds_uuid("other"));
  CHECK(list.unmet().empty());

  CHECK(uuid_list{"h_1_00000000000000AB"}.holds_cookie(0xab));
  CHECK_FALSE(uuid_list{"h_1_00000000000000AB"}.holds_cookie(0xac));
  // What is longer than a cookie, or has another letter, is none.
  CHECK_FALSE(uuid_list{"000000000000000AB"}.holds_cookie(0xab));
  CHECK_FALSE(uuid_list{"xab"}.holds_cookie(0xab));
}

TEST_CASE("a connection asked for is found by its cookie in the record") {
  made_socket s;
  s.cookie = 0xabc;
  // Without metadata that say so, it would be a little-endian machine's.
  const std::string text = metadata_line("", 0) + record_line(at_second(0), s.view());
  CHECK(pass(text, {.uuids = {"0000000000000ABC"}}) == seconds{0});
  CHECK(pass(text, {.uuids = {"ABC"}, .ports = {1}}).empty());
  CHECK(pass(text, {.uuids = {"ABD"}}).empty());
}

TEST_CASE("connections are asked for by their ends, in either order, or else by their UUIDs") {
  made_socket s;
  s.cookie = 0xabc;
  const socket_id id = s.view().id();
  const text::endpoint here{id.src.unmapped(), id.sport};
  const text::endpoint there{id.dst.unmapped(), id.dport};
  const std::string text = metadata_line("", 0) + record_line(at_second(0), s.view());
  for (const text::endpoint_pair& pair :
       {text::endpoint_pair{here, there}, text::endpoint_pair{there, here}}) {
    filter_options o;
    o.ends = ends_list({{pair, "both"}});
    CHECK(pass(text, o) == seconds{0});
    CHECK(o.ends.unmet().empty());
  }
  filter_options o;
  o.ends = ends_list({{{here, here}, "neither"}});
  CHECK(pass(text, o).empty());
  CHECK(o.ends.unmet() == std::vector<std::string>{"neither"});
  CHECK_FALSE(wants_all_connections(o));
  o.uuids = {"ABC"};
  CHECK(pass(text, o) == seconds{0});
  o.ports = {1};
  CHECK(pass(text, o).empty());
}

TEST_CASE("what filters let pass is counted, and named connections are told as they were typed") {
  filter_options o;
  o.uuids = uuid_list(std::vector<uuid_list::item>{{"0xabd", "2749"}});
  std::vector<std::string> said;
  const auto complain = [&said](std::string_view line) { said.emplace_back(line); };
  CHECK(tell_unmet_or_none(o, {3, 0}, false, complain));
  CHECK(said == std::vector<std::string>{"no connection '2749' was found"});
  said.clear();
  o = {.ports = {1}};
  CHECK_FALSE(tell_unmet_or_none(o, {3, 0}, false, complain));
  CHECK_FALSE(tell_unmet_or_none(o, {1, 0}, true, complain));
  CHECK(said == std::vector<std::string>{"of 3 records nothing passes the filters",
                                         "of 1 record nothing passes the filters; others were left "
                                         "unread, by names and times"});
  said.clear();
  CHECK_FALSE(tell_unmet_or_none(o, {3, 1}, false, complain));
  CHECK_FALSE(tell_unmet_or_none(o, {0, 0}, false, complain));
  CHECK(said.empty());
}
