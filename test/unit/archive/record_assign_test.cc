// SPDX-License-Identifier: Apache-2.0
//
// Records that are given a message or a metadata struct, against those of the line made of it.
#include <tcpinfo/archive.h>

#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "unit/archive/archive_messages.h"
#include "unit/catch.h"

using tcpinfo::errc;
using tcpinfo::record;
using tcpinfo::record_extras;
using tcpinfo::timestamp;

namespace {

std::string line_of(const record& r) {
  std::string out(tcpinfo::max_record_size(r), '?');
  std::size_t n = 0;
  REQUIRE_FALSE(tcpinfo::encode_record(out, n, r));
  out.resize(n);
  return out;
}

std::string line_of(const timestamp& t, const tcpinfo::message& m, const record_extras& extras) {
  std::string out(tcpinfo::max_record_size(m), '?');
  std::size_t n = 0;
  REQUIRE_FALSE(tcpinfo::encode_record(out, n, t, m, extras));
  out.resize(n);
  return out;
}

std::string line_of(const tcpinfo::metadata& about) {
  std::string out(tcpinfo::max_metadata_size(about), '?');
  std::size_t n = 0;
  REQUIRE_FALSE(tcpinfo::encode_metadata(out, n, about));
  out.resize(n);
  return out;
}

bool same_bytes(tcpinfo::bytes_view a, tcpinfo::bytes_view b) {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size()) == 0);
}

// Everything that a record tells.
void check_same(const record& given, const record& read) {
  CHECK(given.time() == read.time());
  CHECK(given.has_idm() == read.has_idm());
  CHECK(same_bytes(given.idm(), read.idm()));
  CHECK(same_bytes(given.view().bytes, read.view().bytes));
  REQUIRE(given.attribute_count() == read.attribute_count());
  for (std::size_t type = 0; type < read.attribute_count(); ++type) {
    tcpinfo::bytes_view a;
    tcpinfo::bytes_view b;
    REQUIRE(given.attribute(type, a) == read.attribute(type, b));
    CHECK(same_bytes(a, b));
  }
  CHECK(given.poll() == read.poll());
  CHECK(given.ended() == read.ended());
  CHECK(given.carried() == read.carried());
  CHECK(given.thinned() == read.thinned());
  CHECK(given.unknown_keys() == read.unknown_keys());
  REQUIRE(given.has_metadata() == read.has_metadata());
  if (read.has_metadata()) {
    const tcpinfo::metadata a = *given.about();
    const tcpinfo::metadata b = *read.about();
    CHECK(a.uuid == b.uuid);
    CHECK(a.sequence == b.sequence);
    CHECK(a.start_time == b.start_time);
    CHECK(a.host == b.host);
    CHECK(a.kernel == b.kernel);
    CHECK(a.collector == b.collector);
    CHECK(a.interval == b.interval);
    CHECK(a.run == b.run);
    CHECK(a.netns == b.netns);
    CHECK(a.byte_order == b.byte_order);
    CHECK(a.opened == b.opened);
    CHECK(a.policy == b.policy);
    CHECK(a.cgroup == b.cgroup);
    CHECK(a.owner == b.owner);
    CHECK(a.pid == b.pid);
    CHECK(a.comm == b.comm);
    CHECK(a.executable == b.executable);
  }
  CHECK(line_of(given) == line_of(read));
}

void check_assigned(record& r, const timestamp& t, const tcpinfo::message& m,
                    const record_extras& extras) {
  // In memory of exactly its size, so that a sanitizer sees a read beyond it.
  const std::vector<std::byte> exact(m.bytes.begin(), m.bytes.end());
  const std::string line = line_of(t, m, extras);
  record read;
  REQUIRE_FALSE(read.parse(line));
  REQUIRE_FALSE(r.assign(t, {tcpinfo::bytes_view(exact)}, extras));
  check_same(r, read);
  CHECK(line_of(r) == line);
}

void check_empty(const record& r) {
  CHECK(tcpinfo::max_record_size(r) == 0);
  CHECK_FALSE(r.has_idm());
  CHECK_FALSE(r.has_metadata());
  CHECK(r.attribute_count() == 0);
  CHECK(r.time().is_zero());
}

std::string random_bytes(std::mt19937& random, std::size_t size) {
  std::string bytes(size, '\0');
  for (char& c : bytes) c = static_cast<char>(random());
  return bytes;
}

}  // namespace

TEST_CASE("a record that is given a message is that of the message's line") {
  std::mt19937 random(9);
  record r;
  for (int round = 0; round < 2000; ++round) {
    built_message b;
    for (auto& byte : b.header) byte = static_cast<std::uint8_t>(random());
    // In any order, some of them twice, MD5SIG among them, now and then a type that is not known.
    for (auto count = random() % 12; count > 0; --count)
      b.add(static_cast<std::uint16_t>(random() % (random() % 8 == 0 ? 200 : 24)),
            random_bytes(random, random() % 50));
    if (random() % 4 == 0) b.tail = random_bytes(random, random() % 12);
    record_extras extras;
    if (random() % 2 == 0) extras.poll = random() % 3 == 0 ? random() : random() % 3;
    if (random() % 4 == 0)
      extras.ended = timestamp::from_unix_nanoseconds(static_cast<std::int64_t>(random()));
    if (random() % 4 == 0) extras.carried = static_cast<std::uint32_t>(random());
    if (random() % 4 == 0) extras.thinned = static_cast<std::uint32_t>(random());
    timestamp t = timestamp::from_unix_nanoseconds(static_cast<std::int64_t>(random()));
    if (random() % 4 == 0)
      t.utc_offset_seconds = static_cast<std::int32_t>(random() % 86400) - 43200;
    if (random() % 8 == 0) extras.ended.utc_offset_seconds = -14400;
    check_assigned(r, t, b.view(), extras);
  }
}

TEST_CASE("a record takes messages of every shape") {
  record r;
  built_message b;
  SECTION("no attributes") { check_assigned(r, {}, b.view(), {}); }
  SECTION("keys alone") {
    b.add(18, "secret");
    check_assigned(r, {}, b.view(), {});
    CHECK(r.attribute_count() == 1);
  }
  SECTION("the highest type") {
    b.add(0x3fff, "z").add(2, "a");
    check_assigned(r, {}, b.view(), {});
    CHECK(r.attribute_count() == 0x4000);
  }
  SECTION("the largest attribute") {
    b.add(3, std::string(0xffff - 4, 'x')).add(1, "");
    check_assigned(r, {}, b.view(), {});
  }
  SECTION("flags of a type") {
    b.add(0x8000 | 19, "nested");
    check_assigned(r, {}, b.view(), {});
  }
}

TEST_CASE("a record takes its own message again, without keys") {
  record r;
  record_extras extras;
  extras.poll = 7;
  // A record that was read may hold MD5SIG, and attributes whose sizes need padding.
  const std::string idm(96, 'A');
  const std::string line = R"({"Timestamp":"2020-01-02T03:04:05.1Z","RawIDM":")" + idm +
                           R"(","Attributes":[null,"Zg==","Zm8=","Zm9v"]})";
  REQUIRE_FALSE(r.parse(line));
  REQUIRE_FALSE(r.assign(r.time(), r.view(), extras));
  CHECK(line_of(r) == line.substr(0, line.size() - 1) + ",\"Poll\":7}\n");

  std::string with_keys = line.substr(0, line.size() - 2);
  for (int type = 4; type < 18; ++type) with_keys += ",null";
  with_keys += R"(,"c2VjcmV0","MTk="]})";
  REQUIRE_FALSE(r.parse(with_keys));
  const std::vector<std::byte> before(r.view().bytes.begin(), r.view().bytes.end());
  record other;
  REQUIRE_FALSE(other.assign(r.time(), {tcpinfo::bytes_view(before)}, extras));
  REQUIRE_FALSE(r.assign(r.time(), r.view(), extras));
  check_same(r, other);
  tcpinfo::bytes_view payload;
  CHECK_FALSE(r.attribute(18, payload));
  CHECK(r.attribute(19, payload));
}

TEST_CASE("a record that is given metadata is that of its line") {
  record r;
  tcpinfo::metadata about;
  record read;
  const auto check = [&] {
    REQUIRE_FALSE(read.parse(line_of(about)));
    REQUIRE_FALSE(r.assign(about));
    check_same(r, read);
  };
  SECTION("with nothing in it") {
    check();
    CHECK(line_of(r) == line_of(about));
  }
  SECTION("with everything") {
    about.uuid = "h_1_unsafe_000000000135A272";
    about.sequence = ~std::uint64_t{0};
    about.start_time = {1566860142, 754686952, -4 * 3600};
    about.host = "h<&>\"\\\n\xe2\x80\xa8";
    about.kernel = "6.1";
    about.collector = "c";
    about.interval = "10ms";
    about.run = "r";
    about.netns = "n";
    about.byte_order = "big";
    about.opened = {1566860142, 7, 0};
    about.policy = "sample=1/100, thin=1s";
    about.cgroup = "/a.slice/b";
    about.owner = "accept";
    about.pid = "1";
    about.comm = "(\"c\")";
    about.executable = "/d e";
    check();
    CHECK(line_of(r) == line_of(about));
  }
  SECTION("with texts that are not UTF-8, or hold zero bytes") {
    using namespace std::string_view_literals;
    about.uuid = "\xff\xc3("sv;
    about.host = "\xe2\x80"sv;
    about.kernel = "a\0b"sv;
    about.run = "\xed\xa0\x80"sv;
    check();
  }
  SECTION("with an offset of seconds") {
    about.start_time = {1566860142, 0, 61};
    about.opened = {1566860142, 0, -59};
    check();
  }
  SECTION("and its own again") {
    // Short texts lie within a string object itself.
    for (const std::size_t size : {std::size_t{1}, std::size_t{400}}) {
      const std::string uuid(size, 'u');
      about.uuid = uuid;
      about.host = "x";
      for (int i = 0; i < 3; ++i) {
        REQUIRE_FALSE(r.assign(about));
        REQUIRE_FALSE(r.assign(*r.about()));
        CHECK(line_of(r) == line_of(about));
      }
    }
  }
}

TEST_CASE("a record is used again for a message, a line and metadata") {
  record r;
  built_message b;
  b.add(2, "abc").add(30, "d");
  record_extras extras;
  extras.poll = 3;
  extras.carried = tcpinfo::ends_bit;
  extras.ended = timestamp::from_unix_nanoseconds(5);
  tcpinfo::metadata about;
  about.uuid = "u";
  for (int i = 0; i < 3; ++i) {
    check_assigned(r, {}, b.view(), extras);
    REQUIRE_FALSE(r.assign(about));
    CHECK(line_of(r) == line_of(about));
    check_assigned(r, {}, b.reset().add(1, "x").view(), {});
    REQUIRE_FALSE(r.parse(R"({"Timestamp":"2020-01-02T03:04:05Z","x":1})"));
    CHECK(line_of(r) == "{\"Timestamp\":\"2020-01-02T03:04:05Z\",\"x\":1}\n");
  }
}

TEST_CASE("a record takes a message like the one before, and like a line before") {
  record r;
  built_message b;
  b.add(2, "abc").add(4, "defgh");
  check_assigned(r, {}, b.view(), {});
  // Other payloads, and padding that is not zero.
  b.header.fill(7);
  b.reset().add(2, "xyz").add(4, "uvwst");
  b.attributes[7] = 'p';
  b.attributes.back() = 'q';
  record_extras extras;
  extras.poll = 4;
  check_assigned(r, timestamp::from_unix_nanoseconds(1), b.view(), extras);
  // Lines that hold what a message's line never does.
  const std::string start =
      R"({"Timestamp":"2020-01-02T03:04:05Z","RawIDM":")" + std::string(96, 'A') + '"';
  const std::string nulls = repeat("null,", 18);
  b.reset().add(2, "abc");
  const tcpinfo::message info = b.view();
  for (const std::string& array :
       {std::string(R"([null,null,"YWJj",null,null])"), std::string(R"([null,null,"YWJj"])")}) {
    REQUIRE_FALSE(r.parse(start + ",\"Attributes\":" + array + "}"));
    check_assigned(r, {}, info, {});
  }
  built_message bare;
  for (const std::string& rest :
       {std::string(), std::string(",\"Attributes\":[]"),
        std::string(",\"Attributes\":[null,null]"), std::string(",\"Attributes\":null")}) {
    REQUIRE_FALSE(r.parse(start + rest + "}"));
    check_assigned(r, {}, bare.view(), {});
  }
  built_message keys;
  keys.add(18, "secret");
  REQUIRE_FALSE(r.parse(start + ",\"Attributes\":[" + nulls + "\"c2VjcmV0\"]}"));
  check_assigned(r, {}, keys.view(), {});
}

TEST_CASE("what a record refuses leaves it empty") {
  record r;
  built_message b;
  const tcpinfo::message good = b.view();
  const auto filled = [&] { REQUIRE_FALSE(r.assign({}, good, {})); };
  const timestamp never = {std::int64_t{1} << 60, 0, 0};
  filled();
  CHECK(r.assign({}, {good.bytes.first(71)}, {}) == errc::message_too_short);
  check_empty(r);
  filled();
  CHECK(r.assign(never, good, {}) == errc::bad_timestamp);
  check_empty(r);
  record_extras extras;
  extras.ended = never;
  filled();
  CHECK(r.assign({}, good, extras) == errc::bad_timestamp);
  check_empty(r);
  extras = {};
  extras.size = 0;
  filled();
  CHECK(r.assign({}, good, extras) == errc::invalid_argument);
  check_empty(r);

  tcpinfo::metadata about;
  about.start_time = never;
  filled();
  CHECK(r.assign(about) == errc::bad_timestamp);
  check_empty(r);
  about = {};
  about.opened = never;
  filled();
  CHECK(r.assign(about) == errc::bad_timestamp);
  check_empty(r);
  about = {};
  about.size = 0;
  filled();
  CHECK(r.assign(about) == errc::invalid_argument);
  check_empty(r);
}
