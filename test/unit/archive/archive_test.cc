// SPDX-License-Identifier: Apache-2.0
//
// The parts of a line: time, base64, strings, UUIDs, names; and lines written from live messages.
#include <tcpinfo/archive.h>

#include <chrono>
#include <cstring>
#include <limits>
#include <optional>
#include <random>
#include <sstream>
#include <string>
#include <vector>

#include "archive/base64.h"
#include "archive/text.h"
#include "unit/archive/archive_messages.h"
#include "unit/catch.h"
#include "unit/count_allocations.h"

using tcpinfo::errc;
using tcpinfo::timestamp;

namespace {

timestamp parsed(std::string_view text) {
  timestamp t;
  INFO(text);
  REQUIRE_FALSE(tcpinfo::parse_timestamp(text, t));
  return t;
}

std::string encoded(const tcpinfo::message& m, const timestamp& t,
                    std::uint64_t poll = tcpinfo::no_poll, tcpinfo::encode_notes* notes = nullptr) {
  const std::size_t bound = tcpinfo::max_record_size(m);
  std::string out(bound, '?');
  std::size_t n = 0;
  REQUIRE_FALSE(tcpinfo::encode_record(out, n, t, m, poll, notes));
  REQUIRE(n <= bound);
  out.resize(n);
  // Exactly the needed size is enough; one less is not.
  std::string exact(n, '?');
  std::size_t again = 0;
  REQUIRE_FALSE(tcpinfo::encode_record(exact, again, t, m, poll));
  CHECK(exact == out);
  CHECK(tcpinfo::encode_record(std::span(exact).first(n - 1), again, t, m, poll) ==
        errc::buffer_too_small);
  CHECK(again == 0);
  return out;
}

std::string encoded(const tcpinfo::metadata& m) {
  std::string out(tcpinfo::max_metadata_size(m), '?');
  std::size_t n = 0;
  REQUIRE_FALSE(tcpinfo::encode_metadata(out, n, m));
  out.resize(n);
  return out;
}

std::string escaped(std::string_view text) {
  std::string out(tcpinfo::max_escaped_size(text.size()), '?');
  out.resize(static_cast<std::size_t>(tcpinfo::write_escaped(out.data(), text) - out.data()));
  return out;
}

std::string base64_text(std::string_view bytes) {
  std::string out(tcpinfo::base64::encoded_size(bytes.size()), '?');
  const auto from = std::as_bytes(std::span(bytes));
  const char* const end = tcpinfo::base64::encode(from.data(), from.size(), out.data());
  CHECK(end == out.data() + out.size());
  return out;
}

bool decodes(std::string_view text, std::string& bytes) {
  std::vector<std::byte> out(text.size() + tcpinfo::base64::decode_slack);
  std::size_t n = 0;
  const char* const end = text.data() + text.size();
  if (tcpinfo::base64::decode(text.data(), end, out.data(), n) != end) return false;
  bytes.assign(reinterpret_cast<const char*>(out.data()), n);
  return true;
}

}  // namespace

TEST_CASE("times that the format writes come back as they were") {
  for (const std::string_view text :
       {"0001-01-01T00:00:00Z", "2019-08-26T19:55:42.754686952-04:00", "1970-01-01T00:00:00Z",
        "2019-04-01T07:42:37.371Z", "2020-02-29T23:59:59.000000001+05:30", "0000-01-01T00:00:00Z",
        "9999-12-31T23:59:59.999999999Z", "1969-12-31T23:59:59.5Z", "2000-02-29T00:00:00-00:01",
        "1900-02-28T12:00:00+23:59", "9999-12-31T23:59:59-23:59", "0000-01-01T00:00:00+23:59"}) {
    CHECK(tcpinfo::to_string(parsed(text)) == text);
  }
  CHECK(parsed("0001-01-01T00:00:00Z").is_zero());
  CHECK(timestamp{}.is_zero());
  CHECK(tcpinfo::to_string(timestamp{}) == "0001-01-01T00:00:00Z");
}

TEST_CASE("times are read as RFC 3339") {
  CHECK(parsed("1970-01-02T00:00:01Z") == timestamp{86401, 0, 0});
  CHECK(parsed("2020-01-02T03:04:05.100Z") == timestamp{1577934245, 100'000'000, 0});
  CHECK(parsed("2020-01-02T03:04:05.1234567891234Z").nanoseconds == 123456789);
  CHECK(parsed("2020-01-02T03:04:05+01:00") == timestamp{1577930645, 0, 3600});
  CHECK(parsed("2020-01-02T03:04:05-00:00") == timestamp{1577934245, 0, 0});
  CHECK(parsed("2016-12-31T23:59:60Z") == parsed("2017-01-01T00:00:00Z"));
  CHECK(parsed("2017-01-01T00:59:60+01:00").utc() == parsed("2017-01-01T00:00:00Z"));
  for (const std::string_view text : {"",
                                      "2020-01-02",
                                      "2020-01-02T03:04:05",
                                      "2020-01-02t03:04:05Z",
                                      "2020-01-02T03:04:05z",
                                      "2020-01-02 03:04:05Z",
                                      "2020-13-02T03:04:05Z",
                                      "2020-00-02T03:04:05Z",
                                      "2020-01-32T03:04:05Z",
                                      "2020-01-00T03:04:05Z",
                                      "2019-02-29T03:04:05Z",
                                      "1900-02-29T03:04:05Z",
                                      "2020-01-02T24:04:05Z",
                                      "2020-01-02T03:60:05Z",
                                      "2020-01-02T03:04:60Z",
                                      "2020-01-02T03:04:61Z",
                                      "2020-01-02T03:04:05.Z",
                                      "2020-01-02T03:04:05,1Z",
                                      "2020-01-02T03:04:05.1",
                                      "2020-01-02T03:04:05+1:00",
                                      "2020-01-02T03:04:05+24:00",
                                      "2020-01-02T03:04:05+00:60",
                                      "2020-01-02T03:04:05+0000",
                                      "2020-01-02T03:04:05ZZ",
                                      "2020-01-02T03:04:05Z ",
                                      "-001-01-02T03:04:05Z",
                                      "20200-01-02T03:04:05Z",
                                      "2020-01-02T03:04:05+00:00:00"}) {
    timestamp t{1, 2, 3};
    INFO(text);
    CHECK(tcpinfo::parse_timestamp(text, t) == errc::bad_timestamp);
    CHECK(t == timestamp{1, 2, 3});
  }
}

TEST_CASE("times that cannot be written are refused") {
  CHECK(tcpinfo::to_string(timestamp{0, 1'000'000'000, 0}).empty());
  CHECK(tcpinfo::to_string(timestamp{0, 0, 86400}).empty());
  CHECK(tcpinfo::to_string(timestamp{253402300800, 0, 0}).empty());
  CHECK(tcpinfo::to_string(timestamp{253402300799, 0, 60}).empty());
  CHECK(tcpinfo::to_string(timestamp{-62167219201, 0, 0}).empty());
  CHECK(tcpinfo::to_string(timestamp{std::numeric_limits<std::int64_t>::max(), 0, 0}).empty());
  CHECK(tcpinfo::to_string(timestamp{std::numeric_limits<std::int64_t>::min(), 0, 0}).empty());
  // An offset's seconds cannot be written; the moment is kept.
  CHECK(parsed(tcpinfo::to_string(timestamp{0, 0, 90})) == timestamp{0, 0, 60});
  std::array<char, 19> small;
  CHECK(tcpinfo::format_timestamp({}, small) == 0);
}

TEST_CASE("days of five centuries") {
  // A slow calendar as the oracle.
  int year = 1800;
  unsigned month = 1;
  unsigned day = 1;
  for (std::int64_t d = -62091; d < 120'000; ++d) {
    const tcpinfo::civil_date date = tcpinfo::civil_from_days(d);
    REQUIRE((date.year == static_cast<unsigned>(year) && date.month == month && date.day == day));
    const timestamp t{d * 86400 + 86399, 0, 0};
    REQUIRE(parsed(tcpinfo::to_string(t)) == t);
    const bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    const unsigned length = month == 2 ? (leap ? 29U : 28U)
                            : month == 4 || month == 6 || month == 9 || month == 11 ? 30U
                                                                                    : 31U;
    if (++day > length) {
      day = 1;
      if (++month > 12) {
        month = 1;
        ++year;
      }
    }
  }
}

TEST_CASE("nanoseconds since 1970") {
  CHECK(timestamp::from_unix_nanoseconds(1'000'000'001) == timestamp{1, 1, 0});
  CHECK(timestamp::from_unix_nanoseconds(-1) == timestamp{-1, 999'999'999, 0});
  for (const std::int64_t ns :
       {std::int64_t{0}, std::int64_t{-1}, std::int64_t{1566849342754686952},
        std::int64_t{-999'999'999}, std::int64_t{-1'000'000'000}})
    CHECK(timestamp::from_unix_nanoseconds(ns).unix_nanoseconds() == ns);
  CHECK_FALSE(timestamp{}.unix_nanoseconds());
  constexpr std::int64_t edge = std::numeric_limits<std::int64_t>::max();
  CHECK(tcpinfo::to_string(timestamp::from_unix_nanoseconds(edge)) ==
        "2262-04-11T23:47:16.854775807Z");
}

TEST_CASE("base64 is that of RFC 4648") {
  const std::pair<std::string_view, std::string_view> known[] = {{"", ""},
                                                                 {"f", "Zg=="},
                                                                 {"fo", "Zm8="},
                                                                 {"foo", "Zm9v"},
                                                                 {"foob", "Zm9vYg=="},
                                                                 {"fooba", "Zm9vYmE="},
                                                                 {"foobar", "Zm9vYmFy"},
                                                                 {"\xfb\xff\xbf", "+/+/"}};
  for (const auto& [bytes, text] : known) {
    CHECK(base64_text(bytes) == text);
    std::string back;
    REQUIRE(decodes(text, back));
    CHECK(back == bytes);
  }
  std::mt19937 random(1);
  for (std::size_t size = 0; size < 300; ++size) {
    std::string bytes(size, '\0');
    for (char& c : bytes) c = static_cast<char>(random() & 0xff);
    std::string back;
    REQUIRE(decodes(base64_text(bytes), back));
    REQUIRE(back == bytes);
  }
}

TEST_CASE("base64 that no encoder writes is refused") {
  std::string back;
  for (const std::string_view text :
       {"Z", "Zg", "Zg=", "Zh==", "Zm9=", "Zm8", "=", "====", "Z===", "Zg==Zg==", "Zm9v\n", " Zm9v",
        "Zm-v", "Zm_v", "Zm9vZ", "Zm9vZm9vZm9vZm9vZ", "Zm9vZm9vZm9vZm9v*m9v", "Zg=v", "Z=9v"}) {
    INFO(text);
    CHECK_FALSE(decodes(text, back));
  }
  // Every character in every place of a long text.
  const std::string good = base64_text(std::string(48, '\x5a'));
  for (std::size_t at = 0; at < good.size(); ++at)
    for (int c = 0; c < 256; ++c) {
      std::string text = good;
      text[at] = static_cast<char>(c);
      const bool fine = std::isalnum(c) != 0 || c == '+' || c == '/';
      if (c == '=' && at == good.size() - 1) continue;  // padding, over bits that may be zero
      REQUIRE(decodes(text, back) == fine);
    }
}

TEST_CASE("strings are escaped as Go's encoding/json does it") {
  CHECK(escaped("plain") == "\"plain\"");
  CHECK(escaped("a\"b\\c/d") == "\"a\\\"b\\\\c/d\"");
  CHECK(escaped("<a>&'") == "\"\\u003ca\\u003e\\u0026'\"");
  CHECK(escaped("\n\r\t") == "\"\\n\\r\\t\"");
  CHECK(escaped(std::string_view("\0\b\f\x1f\x7f", 5)) == "\"\\u0000\\u0008\\u000c\\u001f\x7f\"");
  CHECK(escaped("\u2028\u2029\u202a\u00e9\U0001f600") ==
        "\"\\u2028\\u2029\u202a\u00e9\U0001f600\"");
  CHECK(escaped("a\xff"
                "b\xc3") == "\"a\\ufffdb\\ufffd\"");
  CHECK(escaped("\xed\xa0\x80") == "\"\\ufffd\\ufffd\\ufffd\"");
  CHECK(escaped("\xc0\xaf\xf5\x80\xe0\x80\x80") ==
        "\"\\ufffd\\ufffd\\ufffd\\ufffd\\ufffd\\ufffd\\ufffd\"");
}

TEST_CASE("a prefix must be fit for a file name") {
  using tcpinfo::check_uuid_prefix;
  for (const std::string& good :
       {std::string("host_1554836592_unsafe"), std::string("a"), std::string("..."),
        std::string("mlab1.lga0t.example.org_155"), std::string("h\u00e9 te"),
        std::string(tcpinfo::max_uuid_prefix_size, 'x')})
    CHECK_FALSE(check_uuid_prefix(good));
  for (const std::string& bad :
       {std::string(), std::string("."), std::string(".."), std::string("a/b"), std::string("/"),
        std::string("a\0b", 3), std::string("a\n"), std::string("\x1b"), std::string("\x7f"),
        std::string("\u0085"), std::string("\xff"),
        std::string(tcpinfo::max_uuid_prefix_size + 1, 'x')})
    CHECK(check_uuid_prefix(bad) == errc::bad_uuid);
  CHECK(tcpinfo::strip_newline("abc\n") == "abc");
  CHECK(tcpinfo::strip_newline("abc\n\n") == "abc\n");
  CHECK(tcpinfo::strip_newline("").empty());
}

TEST_CASE("a UUID ends with the cookie") {
  std::array<char, tcpinfo::max_uuid_size> out;
  const std::size_t n = tcpinfo::format_uuid("host_1_unsafe", 0x135A272, out);
  CHECK(std::string_view(out.data(), n) == "host_1_unsafe_000000000135A272");
  CHECK(tcpinfo::format_uuid("x", 1, std::span(out).first(17)) == 0);
  CHECK(tcpinfo::format_uuid("x", 1, std::span(out).first(18)) == 18);
  std::uint64_t cookie = 0;
  CHECK_FALSE(tcpinfo::parse_uuid_cookie("host_1_unsafe_000000000135A272", cookie));
  CHECK(cookie == 0x135A272);
  CHECK_FALSE(tcpinfo::parse_uuid_cookie("a_FFFFFFFFFFFFFFFF", cookie));
  CHECK(cookie == ~std::uint64_t{0});
  for (const std::string_view bad :
       {"", "000000000135A272", "_000000000135A272", "a_00000000135A272", "a_000000000135A27G",
        "a-000000000135A272", "a_0000000000135A272", "a_-00000000135A272"})
    CHECK(tcpinfo::parse_uuid_cookie(bad, cookie) == errc::bad_uuid);
}

TEST_CASE("paths of archives and back") {
  std::array<char, tcpinfo::max_archive_path_size> out;
  const auto path = [&](std::string_view time, std::string_view uuid, std::uint64_t sequence) {
    std::size_t directory = 0;
    const std::size_t n =
        tcpinfo::format_archive_path(parsed(time), uuid, sequence, out, &directory);
    CHECK((n == 0 || directory == 10));
    return std::string(out.data(), n);
  };
  CHECK(path("2019-04-02T14:12:37Z", "ndt-jdczh_1553815964_00000000000003E8", 183) ==
        "2019/04/02/ndt-jdczh_1553815964_00000000000003E8.00183.jsonl.zst");
  // The date is that of UTC.
  CHECK(path("2019-12-31T23:30:00-01:00", "u", 0) == "2020/01/01/u.00000.jsonl.zst");
  CHECK(path("2019-12-31T23:30:00Z", "u", 1234567) == "2019/12/31/u.1234567.jsonl.zst");
  CHECK(path("2019-12-31T23:30:00Z", "u", 99999) == "2019/12/31/u.99999.jsonl.zst");
  CHECK(path("2019-12-31T23:30:00Z", "a/b", 0).empty());
  const std::string longest(tcpinfo::max_uuid_size, 'u');
  CHECK(path("2019-12-31T23:30:00Z", longest, ~std::uint64_t{0}).size() == 11 + 250);
  CHECK(tcpinfo::format_archive_path({}, "u", 0, std::span(out).first(20), nullptr) == 0);

  tcpinfo::archive_name name;
  REQUIRE_FALSE(tcpinfo::parse_archive_name("/x/2019/04/02/a.b_0.00183.jsonl.zst", name));
  CHECK((name.uuid == "a.b_0" && name.sequence == 183 && name.compressed && !name.partial));
  REQUIRE_FALSE(tcpinfo::parse_archive_name("a.00000.jsonl", name));
  CHECK((name.uuid == "a" && name.sequence == 0 && !name.compressed && !name.partial));
  REQUIRE_FALSE(tcpinfo::parse_archive_name("a.123456.jsonl.zst.part", name));
  CHECK((name.sequence == 123456 && name.compressed && name.partial));
  REQUIRE_FALSE(tcpinfo::parse_archive_name("a.18446744073709551615.jsonl.part", name));
  CHECK(name.sequence == ~std::uint64_t{0});
  for (const std::string_view bad :
       {"", "a", "a.jsonl", "a.00000", "a.0000.jsonl", "a.000000.jsonl", "a.0000x.jsonl",
        "a.-0001.jsonl", "a.18446744073709551616.jsonl", "a.00000.json.zst", "a.00000.jsonl.gz",
        "a.00000.jsonl.zst/", "a.00000.jsonl.part.zst"})
    CHECK(tcpinfo::parse_archive_name(bad, name) == errc::invalid_argument);
  CHECK(tcpinfo::parse_archive_name(".00000.jsonl", name) == errc::bad_uuid);
}

TEST_CASE("a live message becomes a line") {
  built_message b;
  for (std::size_t i = 0; i < b.header.size(); ++i) b.header[i] = static_cast<std::uint8_t>(i);
  const std::string idm =
      "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0+"
      "P0BBQkNER"
      "UZH";
  const timestamp t = parsed("2019-08-26T19:55:42.75Z");
  const std::string start =
      "{\"Timestamp\":\"2019-08-26T19:55:42.75Z\",\"RawIDM\":\"" + idm + "\",\"Attributes\":[";

  SECTION("without attributes") {
    CHECK(encoded(b.view(), t) == start + "null]}\n");
    CHECK(encoded(b.view(), t, 7) == start + "null],\"Poll\":7}\n");
    CHECK(encoded(b.view(), t, tcpinfo::no_poll - 1) ==
          start + "null],\"Poll\":18446744073709551614}\n");
    CHECK(encoded(b.view(), {}, 0).starts_with("{\"Timestamp\":\"0001-01-01T00:00:00Z\","));
  }
  SECTION("in any order, with holes, empty ones and unknown types") {
    b.add(4, zero_ended("cubic")).add(1, "foo").add(22, "").add(40, "fo");
    CHECK(encoded(b.view(), t, 12) == start + "null,\"Zm9v\",null,null,\"Y3ViaWMA\"," +
                                          repeat("null,", 17) + "\"\"," + repeat("null,", 17) +
                                          "\"Zm8=\"],\"Poll\":12}\n");
  }
  SECTION("type 0 and flags in the type") {
    b.add(0, "f").add(0x8013, "foo");
    CHECK(encoded(b.view(), t) == start + "\"Zg==\"," + repeat("null,", 18) + "\"Zm9v\"]}\n");
  }
  SECTION("keys are never written") {
    tcpinfo::encode_notes notes;
    b.add(18, "secret").add(2, "f");
    CHECK(encoded(b.view(), t, 1, &notes) == start + "null,null,\"Zg==\"],\"Poll\":1}\n");
    CHECK(notes.secrets == 1);
    b.reset().add(18, "secret");
    CHECK(encoded(b.view(), t) == start + "null]}\n");
  }
  SECTION("the first of a type wins, and the rest are counted") {
    tcpinfo::encode_notes notes;
    b.add(2, "f").add(2, "fo").add(2, "").add(100, "f").add(70, "fo").add(100, "foo");
    CHECK(encoded(b.view(), t, tcpinfo::no_poll, &notes) ==
          start + "null,null,\"Zg==\"," + repeat("null,", 67) + "\"Zm8=\"," + repeat("null,", 29) +
              "\"Zg==\"]}\n");
    CHECK(notes.duplicates == 3);
    // Alignment of some machines.
    b.reset().add(14, "").add(14, "");
    notes = {};
    CHECK(encoded(b.view(), t, tcpinfo::no_poll, &notes) ==
          start + repeat("null,", 14) + "\"\"]}\n");
    CHECK(notes.duplicates == 0);
  }
  SECTION("the highest types there can be") {
    b.add(0x3fff, "f").add(64, "").add(63, "");
    const std::string line = encoded(b.view(), t);
    CHECK(line.ends_with(",null,\"Zg==\"]}\n"));
    CHECK(line == start + repeat("null,", 63) + "\"\",\"\"," + repeat("null,", 16383 - 65) +
                      "\"Zg==\"]}\n");
  }
  SECTION("what cannot be read is counted") {
    tcpinfo::encode_notes notes;
    b.add(1, "foo");
    b.tail = std::string("\xff\xff\x02\0xx", 6);
    CHECK(encoded(b.view(), t, tcpinfo::no_poll, &notes) == start + "null,\"Zm9v\"]}\n");
    CHECK(notes.unread_bytes == 6);
  }
  SECTION("refused") {
    std::string out(10'000, '?');
    std::size_t n = 1;
    CHECK(tcpinfo::encode_record(out, n, t, tcpinfo::message{b.view().bytes.first(71)}) ==
          errc::message_too_short);
    CHECK(n == 0);
    CHECK(tcpinfo::max_record_size(tcpinfo::message{}) == 0);
    CHECK(tcpinfo::encode_record(out, n, {0, 2'000'000'000, 0}, b.view()) == errc::bad_timestamp);
  }
}

TEST_CASE("writing a record allocates nothing") {
  built_message b;
  b.add(2, std::string(280, 'i')).add(1, std::string(16, 'm')).add(4, "cubic");
  b.add(300, "high").add(7, std::string(36, 's'));
  const tcpinfo::message m = b.view();
  std::vector<char> out(tcpinfo::max_record_size(m));
  std::size_t n = 0;
  std::error_code ec;
  tcpinfo::encode_notes notes;
  const std::size_t before = allocations;
  for (unsigned i = 0; i < 100; ++i) {
    ec = tcpinfo::encode_record(out, n, timestamp::from_unix_nanoseconds(i), m, i, &notes);
    if (ec) break;
  }
  CHECK(allocations == before);
  CHECK_FALSE(ec);
}

TEST_CASE("a record encoder writes what encode_record writes, whatever came before") {
  std::mt19937 random(11);
  tcpinfo::record_encoder encoder;
  tcpinfo::encode_notes notes;
  tcpinfo::encode_notes expected_notes;
  built_message b;
  for (int step = 0; step < 5000; ++step) {
    if (random() % 8 == 0) {
      // Another shape: types known and not, above 64, twice, MD5SIG, an attribute that is cut.
      b = {};
      const auto count = random() % 14;
      for (unsigned i = 0; i < count; ++i) {
        const auto type = random() % 40 == 0 ? 70 : random() % 24;
        b.add(static_cast<std::uint16_t>(type), std::string(random() % 300, 'p'));
      }
      if (random() % 50 == 0) b.add(40, std::string(3000, 'l'));
      if (random() % 6 == 0) b.tail = std::string("\xff\xff\x02\0xx", 6);
    }
    const tcpinfo::message shape = b.view();
    std::vector<std::byte> bytes(shape.bytes.begin(), shape.bytes.end());
    // Payloads and header change, lengths and types do not.
    for (const tcpinfo::attribute& a : shape.attributes())
      if (!a.payload.empty() && random() % 3 == 0)
        bytes[static_cast<std::size_t>(a.payload.data() - shape.bytes.data()) +
              random() % a.payload.size()] = static_cast<std::byte>(random());
    bytes[random() % tcpinfo::wire::inet_diag_msg_size] = static_cast<std::byte>(random());
    const tcpinfo::message m{bytes};
    const timestamp t{1'600'000'000 + static_cast<std::int64_t>(random() % 3),
                      random() % 4 == 0 ? 0 : static_cast<std::uint32_t>(random() % 1'000'000'000),
                      random() % 10 == 0 ? 3600 : 0};
    const std::uint64_t poll = random() % 5 == 0 ? tcpinfo::no_poll : random();
    std::string wanted(tcpinfo::max_record_size(m), '?');
    std::string got(wanted.size(), '?');
    std::size_t wanted_size = 0;
    std::size_t got_size = 0;
    REQUIRE_FALSE(tcpinfo::encode_record(wanted, wanted_size, t, m, poll, &expected_notes));
    REQUIRE_FALSE(encoder.encode(got, got_size, t, m, poll, &notes));
    REQUIRE(got.substr(0, got_size) == wanted.substr(0, wanted_size));
    REQUIRE(notes.duplicates == expected_notes.duplicates);
    REQUIRE(notes.secrets == expected_notes.secrets);
    REQUIRE(notes.unread_bytes == expected_notes.unread_bytes);
    // The line exactly fits, or a byte is missing.
    got.assign(wanted_size, '?');
    REQUIRE_FALSE(encoder.encode(got, got_size, t, m, poll));
    REQUIRE(got == wanted.substr(0, wanted_size));
    got.resize(wanted_size - 1);
    REQUIRE(encoder.encode(got, got_size, t, m, poll) == errc::buffer_too_small);
    REQUIRE(encoder.encode(got, got_size, {0, 2'000'000'000, 0}, m, poll) == errc::bad_timestamp);
  }
}

TEST_CASE("the metadata record") {
  tcpinfo::metadata m;
  m.uuid = "host_1554836592_unsafe_000000000135A272";
  m.start_time = parsed("2019-04-01T07:42:37.371Z");
  m.byte_order = {};
  CHECK(encoded(m) ==
        "{\"Timestamp\":\"0001-01-01T00:00:00Z\",\"Metadata\":{\"UUID\":\"host_1554836592_unsafe_"
        "000000000135A272\",\"Sequence\":0,\"StartTime\":\"2019-04-01T07:42:37.371Z\"}}\n");
  m.sequence = 12;
  m.host = "h<1>";
  m.kernel = "6.1.0";
  m.collector = "tcpinfo-collect 0.1";
  m.interval = "10ms";
  m.run = "r1";
  m.netns = "blue";
  m.byte_order = "big";
  CHECK(encoded(m) ==
        "{\"Timestamp\":\"0001-01-01T00:00:00Z\",\"Metadata\":{\"UUID\":\"host_1554836592_unsafe_"
        "000000000135A272\",\"Sequence\":12,\"StartTime\":\"2019-04-01T07:42:37.371Z\",\"Host\":"
        "\"h\\u003c1\\u003e\",\"Kernel\":\"6.1.0\",\"Collector\":\"tcpinfo-collect 0.1\","
        "\"Interval\":\"10ms\",\"Run\":\"r1\",\"Netns\":\"blue\",\"ByteOrder\":\"big\"}}\n");
  std::string small(50, '?');
  std::size_t n = 0;
  CHECK(tcpinfo::encode_metadata(small, n, m) == errc::buffer_too_small);
  m.start_time.nanoseconds = 2'000'000'000;
  std::string out(tcpinfo::max_metadata_size(m), '?');
  CHECK(tcpinfo::encode_metadata(out, n, m) == errc::bad_timestamp);
  // A caller built against a header that ended after start_time.
  m.start_time = {};
  m.size = offsetof(tcpinfo::metadata, host);
  CHECK(encoded(m).find("Host") == std::string::npos);
}

TEST_CASE("times are time points, and come in order") {
  using namespace std::chrono;
  const system_clock::time_point at{duration_cast<system_clock::duration>(nanoseconds(-1))};
  CHECK(tcpinfo::timestamp::from(at) == tcpinfo::timestamp::from_unix_nanoseconds(-1));
  CHECK(tcpinfo::timestamp::from(at).time_point() == at);
  const time_point<system_clock, minutes> whole{minutes(3)};
  CHECK(to_string(tcpinfo::timestamp::from(whole)) == "1970-01-01T00:03:00Z");
  CHECK_FALSE(tcpinfo::timestamp().time_point());
  const auto before = system_clock::now();
  const auto now = tcpinfo::timestamp::now();
  CHECK((tcpinfo::timestamp::from(before) <= now && now.time_point() <= system_clock::now()));

  tcpinfo::timestamp east{5, 0, 3600};
  CHECK(tcpinfo::timestamp{4, 999'999'999, 7200} < east);
  CHECK(east < tcpinfo::timestamp{5, 0, 7200});
  CHECK(east.utc() < east);
  std::ostringstream text;
  text << east;
  CHECK(text.str() == "1970-01-01T01:00:05+01:00");
}

#ifdef __cpp_lib_format
TEST_CASE("std::format knows times") {
  CHECK(std::format("{:>22}|{}", tcpinfo::timestamp::from_unix_nanoseconds(0),
                    tcpinfo::timestamp()) == "  1970-01-01T00:00:00Z|0001-01-01T00:00:00Z");
}
#endif

TEST_CASE("times have a difference where 64 bits hold it") {
  using std::chrono::nanoseconds;
  const timestamp a = parsed("2026-01-01T00:00:00.000000001Z");
  const timestamp b = parsed("2026-01-01T01:00:01+01:00");
  CHECK(b - a == nanoseconds(999'999'999));
  CHECK(a - b == -nanoseconds(999'999'999));
  CHECK(a - a == nanoseconds(0));
  CHECK(parsed("9999-01-01T00:00:00Z") - parsed("0001-01-01T00:00:00Z") == std::nullopt);
  CHECK(parsed("2218-01-01T00:00:00Z") - parsed("1926-01-01T00:00:00Z") != std::nullopt);
  timestamp far;
  far.seconds = std::numeric_limits<std::int64_t>::max();
  CHECK(far - a == std::nullopt);
  timestamp wrong = a;
  wrong.nanoseconds = 4'000'000'000;
  CHECK(wrong - a == std::nullopt);
  CHECK(a - far == std::nullopt);
}

TEST_CASE("a record that has held its like takes messages and metadata without allocating") {
  built_message b;
  b.add(7, std::string(36, 's')).add(2, std::string(280, 'i')).add(4, "cubic").add(40, "new");
  const tcpinfo::message m = b.view();
  tcpinfo::metadata about;
  about.uuid = "host_1700000000_unsafe_0000000000000001";
  about.collector = "a text that no string object holds within itself";
  tcpinfo::record_extras extras;
  extras.ended = timestamp::from_unix_nanoseconds(1'700'000'000'123'456'789);
  extras.carried = 7;
  tcpinfo::record r;
  const auto round = [&] {
    std::error_code worst = r.assign(about);
    for (int i = 0; i < 3 && !worst; ++i) {
      extras.poll = static_cast<std::uint64_t>(i);
      worst = r.assign({1'700'000'000 + i, 5, 0}, m, extras);
    }
    return worst;
  };
  REQUIRE_FALSE(round());
  REQUIRE_FALSE(round());
  const std::size_t before = allocations;
  std::error_code worst;
  for (int i = 0; i < 100 && !worst; ++i) worst = round();
  const std::size_t after = allocations;
  CHECK_FALSE(worst);
  CHECK(after == before);
}
