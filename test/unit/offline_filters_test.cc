// SPDX-License-Identifier: Apache-2.0
#include "offline/filters.h"

#include "catch.h"
#include "offline/times.h"
#include "offline_files.h"

using namespace tcpinfo;
using namespace tcpinfo::offline;

namespace {

ip_prefix prefix(std::string_view text) {
  ip_prefix p;
  if (parse_ip_prefix(text, p)) std::abort();
  return p;
}

/// Seconds of the records of `text` that pass, in order.
std::vector<std::int64_t> pass(const std::string& text, const filter_options& options) {
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
    CHECK(r.parsed->time() == r.time);
    passed.push_back(r.time.seconds - at_second(0).seconds);
  };
  REQUIRE(reader.open(dir.file("x.jsonl", text)));
  input_record r;
  while (reader.next(r))
    if (filter.wants(r)) thin.push(r, emit);
  thin.flush(emit);
  return passed;
}

using seconds = std::vector<std::int64_t>;

}  // namespace

TEST_CASE("states have the kernel's names and those of ss, in any case") {
  CHECK(parse_states("ESTABLISHED") == 1U << 1U);
  CHECK(parse_states("estab") == 1U << 1U);
  CHECK(parse_states("close-wait,CLOSE_WAIT,Fin_Wait1") == (1U << 8U | 1U << 4U));
  CHECK(parse_states("UNCONN") == 1U << 7U);
  for (const std::string_view bad : {"", "ESTABLISHED,", "open", "1"})
    CHECK_FALSE(parse_states(bad));
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

TEST_CASE("moments are read and written as documented") {
  const auto t = [](std::string_view text) { return parse_moment(text); };
  CHECK(t("2026-01-31T12:00:00Z") == timestamp{1769860800, 0, 0});
  CHECK(t("2026-01-31T12:00:00") == timestamp{1769860800, 0, 0});
  CHECK(t("2026-01-31 12:00") == timestamp{1769860800, 0, 0});
  CHECK(t("2026-01-31") == timestamp{1769817600, 0, 0});
  CHECK(t("2026-01-31T14:00:00+02:00")->seconds == 1769860800);
  CHECK(t("1769860800") == timestamp{1769860800, 0, 0});
  CHECK(t("1769860800.000000001") == timestamp{1769860800, 1, 0});
  CHECK(t("-0.25") == timestamp{-1, 750'000'000, 0});
  CHECK(t("0") == timestamp{0, 0, 0});
  for (const std::string_view bad : {"", "now", "2026-13-01", "2026-01-31T25:00:00Z", "1.", ".5",
                                     "1e9", "-", "99999999999999", "2026-01-31T", "20260131"})
    if (bad != "20260131") CHECK_FALSE(t(bad));

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
