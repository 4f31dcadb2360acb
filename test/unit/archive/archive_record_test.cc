// SPDX-License-Identifier: Apache-2.0
//
// Lines read and written again.
#include <tcpinfo/archive.h>

#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "unit/archive/archive_messages.h"
#include "unit/catch.h"

using tcpinfo::errc;
using tcpinfo::record;

namespace {

const std::string idm_text(96, 'A');
const std::string time_text = "2020-01-02T03:04:05.1Z";

std::string line(std::string_view attributes, std::string_view more = "") {
  return "{\"Timestamp\":\"" + time_text + "\",\"RawIDM\":\"" + idm_text +
         "\",\"Attributes\":" + std::string(attributes) + std::string(more) + "}";
}

std::string encoded(const record& r) {
  std::string out(tcpinfo::max_record_size(r), '?');
  std::size_t n = 0;
  REQUIRE_FALSE(tcpinfo::encode_record(out, n, r));
  REQUIRE(n <= out.size());
  out.resize(n);
  CHECK(out.back() == '\n');
  out.pop_back();
  return out;
}

std::error_code parse(record& r, std::string_view text) {
  // In memory of exactly its size, so that a sanitizer sees a read beyond it.
  const std::vector<char> exact(text.begin(), text.end());
  return r.parse({exact.data(), exact.size()});
}

// Reads and writes; empty where it does not read.
std::string rewritten(std::string_view text) {
  record r;
  return parse(r, text) ? std::string() : encoded(r);
}

// A space makes any line take the way through simdjson.
std::string spaced(std::string_view text) {
  return text.starts_with('{') ? "{ " + std::string(text.substr(1)) : std::string(text);
}

}  // namespace

TEST_CASE("a data record is read") {
  for (const bool slow : {false, true}) {
    const std::string text = line("[null,\"Zm9v\",null,\"\",\"Y3ViaWMA\",null]", ",\"Poll\":42");
    record r;
    REQUIRE_FALSE(parse(r, slow ? spaced(text) : text));
    CHECK(tcpinfo::to_string(r.time()) == time_text);
    CHECK(r.has_idm());
    CHECK(r.idm().size() == 72);
    CHECK(r.poll() == 42);
    CHECK_FALSE(r.has_metadata());
    CHECK(r.unknown_keys() == 0);
    REQUIRE(r.attribute_count() == 6);
    tcpinfo::bytes_view payload;
    CHECK_FALSE(r.attribute(0, payload));
    REQUIRE(r.attribute(1, payload));
    CHECK(std::memcmp(payload.data(), "foo", 3) == 0);
    CHECK(payload.size() == 3);
    REQUIRE(r.attribute(3, payload));
    CHECK(payload.empty());
    REQUIRE(r.attribute(4, payload));
    CHECK(payload.size() == 6);
    CHECK_FALSE(r.attribute(5, payload));
    CHECK_FALSE(r.attribute(6, payload));

    // And as a message.
    const tcpinfo::message m = r.view();
    CHECK(m.attributes().well_formed());
    CHECK(m.bytes.size() % 4 == 0);
    std::vector<std::uint16_t> types;
    for (auto it = m.attributes().begin(); it != m.attributes().end(); ++it)
      types.push_back(it->type);
    CHECK(types == std::vector<std::uint16_t>{1, 3, 4});
    CHECK(m.find(tcpinfo::attribute_type::cong)->size() == 6);
    CHECK(encoded(r) == text);
  }
}

TEST_CASE("what was written live is read back") {
  std::mt19937 random(5);
  record r;
  for (int round = 0; round < 300; ++round) {
    built_message b;
    for (auto& byte : b.header) byte = static_cast<std::uint8_t>(random());
    for (std::uint16_t type = 0; type < 80; ++type) {
      if (type == 18 || random() % 4 != 0) continue;
      std::string payload(random() % 40, '\0');
      for (char& c : payload) c = static_cast<char>(random());
      b.add(type, payload);
    }
    const tcpinfo::message m = b.view();
    std::string out(tcpinfo::max_record_size(m), '?');
    std::size_t n = 0;
    const auto t = tcpinfo::timestamp::from_unix_nanoseconds(static_cast<std::int64_t>(random()));
    REQUIRE_FALSE(tcpinfo::encode_record(out, n, t, m, random() % 2 ? tcpinfo::no_poll : 9));
    out.resize(n);
    REQUIRE_FALSE(parse(r, out));
    CHECK(r.time() == t);
    REQUIRE(r.view().bytes.size() == m.bytes.size());
    CHECK(std::memcmp(r.view().bytes.data(), m.bytes.data(), m.bytes.size()) == 0);
    CHECK(encoded(r) + "\n" == out);
    // Both ways through the parser agree.
    CHECK(rewritten(spaced(out)) + "\n" == out);
  }
}

TEST_CASE("metadata is read") {
  const std::string text =
      "{\"Timestamp\":\"0001-01-01T00:00:00Z\",\"Metadata\":{\"UUID\":\"h_1_unsafe_"
      "000000000135A272\","
      "\"Sequence\":183,\"StartTime\":\"2019-08-26T19:55:42.754686952-04:00\",\"Host\":"
      "\"h\\u003c\","
      "\"Kernel\":\"6.1\",\"Collector\":\"c\",\"Interval\":\"10ms\",\"Run\":\"r\",\"Netns\":\"n\","
      "\"ByteOrder\":\"big\",\"Opened\":\"2019-08-26T19:55:42.75-04:00\",\"Policy\":"
      "\"sample=1/9\",\"Cgroup\":\"/a.slice\",\"Owner\":\"io\",\"Pid\":\"17\",\"Comm\":"
      "\"b\",\"Executable\":\"/bin/b\"}}";
  record r;
  REQUIRE_FALSE(parse(r, text));
  CHECK(r.has_metadata());
  CHECK_FALSE(r.has_idm());
  CHECK(r.view().bytes.empty());
  CHECK(r.attribute_count() == 0);
  CHECK(r.time().is_zero());
  CHECK(r.poll() == tcpinfo::no_poll);
  tcpinfo::metadata m;
  REQUIRE(r.get_metadata(m));
  CHECK(m.uuid == "h_1_unsafe_000000000135A272");
  CHECK(m.sequence == 183);
  CHECK(m.start_time.utc_offset_seconds == -4 * 3600);
  CHECK(m.host == "h<");
  CHECK(m.kernel == "6.1");
  CHECK(m.collector == "c");
  CHECK(m.interval == "10ms");
  CHECK(m.run == "r");
  CHECK(m.netns == "n");
  CHECK(m.byte_order == "big");
  CHECK(tcpinfo::to_string(m.opened) == "2019-08-26T19:55:42.75-04:00");
  CHECK(m.policy == "sample=1/9");
  CHECK(m.cgroup == "/a.slice");
  CHECK(m.owner == "io");
  CHECK(m.pid == "17");
  CHECK(m.comm == "b");
  CHECK(m.executable == "/bin/b");
  CHECK(encoded(r) == text);

  // The writer's form is the reader's form.
  std::string out(tcpinfo::max_metadata_size(m), '?');
  std::size_t n = 0;
  REQUIRE_FALSE(tcpinfo::encode_metadata(out, n, m));
  CHECK(out.substr(0, n) == text + "\n");

  REQUIRE_FALSE(parse(r, line("[null]")));
  CHECK_FALSE(r.get_metadata(m));
  // Only what is there, and what was there and empty.
  for (const std::string_view part :
       {"{}", "{\"UUID\":\"\"}", "{\"Sequence\":0}", "{\"Host\":\"\"}",
        "{\"StartTime\":\"2019-01-01T00:00:00Z\",\"Run\":\"x\"}"}) {
    const std::string whole =
        "{\"Timestamp\":\"0001-01-01T00:00:00Z\",\"Metadata\":" + std::string(part) + "}";
    CHECK(rewritten(whole) == whole);
  }
}

TEST_CASE("what a final record says more is written and read") {
  built_message b;
  b.add(2, std::string(280, '\x07'));
  b.add(10, "\x06");
  const auto t = tcpinfo::timestamp::from_unix_nanoseconds(1'700'000'000'123'456'789);
  tcpinfo::record_extras extras;
  extras.ended = tcpinfo::timestamp::from_unix_nanoseconds(1'700'000'000'100'000'001);
  extras.carried = tcpinfo::ends_bit | tcpinfo::attribute_bit(tcpinfo::attribute_type::info) |
                   tcpinfo::attribute_bit(tcpinfo::attribute_type::cong) |
                   tcpinfo::attribute_bit(tcpinfo::attribute_type::sockopt) |
                   tcpinfo::attribute_bit(31);
  tcpinfo::record_encoder faster;
  for (const std::uint64_t poll : {tcpinfo::no_poll, std::uint64_t{17}}) {
    extras.poll = poll;
    std::string out(tcpinfo::max_record_size(b.view()), '?');
    std::size_t n = 0;
    REQUIRE_FALSE(tcpinfo::encode_record(out, n, t, b.view(), extras));
    out.resize(n);
    const std::string end = std::string(poll == 17 ? "],\"Poll\":17" : "]") +
                            ",\"Ended\":\"2023-11-14T22:13:20.100000001Z\",\"Carried\":[\"ID\","
                            "\"INFO\",\"CONG\",\"SOCKOPT\",\"31\"]}\n";
    CHECK(out.substr(out.size() - end.size()) == end);
    std::string same(tcpinfo::max_record_size(b.view()), '?');
    REQUIRE_FALSE(faster.encode(same, n, t, b.view(), extras));
    CHECK(same.substr(0, n) == out);
    for (const std::string& text : {out, spaced(out)}) {
      record r;
      REQUIRE_FALSE(parse(r, text));
      CHECK(r.ended() == extras.ended);
      CHECK(r.carried() == extras.carried);
      CHECK(r.poll() == poll);
      CHECK(r.unknown_keys() == 0);
      CHECK(encoded(r) + "\n" == out);
      REQUIRE_FALSE(parse(r, line("[null]")));  // nothing shines through
      CHECK(r.ended().is_zero());
      CHECK(r.carried() == 0);
    }
    // The room that is promised suffices for all there is.
    extras.carried = ~std::uint32_t{0};
    extras.ended.utc_offset_seconds = -3600;
    std::string most(tcpinfo::max_record_size(b.view()), '?');
    CHECK_FALSE(tcpinfo::encode_record(most, n, t, b.view(), extras));
    CHECK(rewritten(most.substr(0, n)) + "\n" == most.substr(0, n));
    extras.carried = 0;
    extras.ended = {};
    REQUIRE_FALSE(tcpinfo::encode_record(out = most, n, t, b.view(), extras));
    std::size_t m = 0;
    REQUIRE_FALSE(tcpinfo::encode_record(most, m, t, b.view(), poll));
    CHECK(out.substr(0, n) == most.substr(0, m));
    extras.ended.nanoseconds = 1'000'000'000;
    extras.ended.seconds = 0;
    CHECK(tcpinfo::encode_record(most, m, t, b.view(), extras) == errc::bad_timestamp);
    CHECK(faster.encode(most, m, t, b.view(), extras) == errc::bad_timestamp);
    CHECK(m == 0);
    extras.ended = tcpinfo::timestamp::from_unix_nanoseconds(1'700'000'000'100'000'001);
    extras.carried = tcpinfo::ends_bit | tcpinfo::attribute_bit(2) | tcpinfo::attribute_bit(4) |
                     tcpinfo::attribute_bit(22) | tcpinfo::attribute_bit(31);
  }

  // Names that nobody knows are kept, and are no bits.
  record r;
  const std::string future =
      line("[null]", ",\"Carried\":[\"NEW\",\"CONG\",\"2\",\"64\",\"a\\u003c\"]");
  REQUIRE_FALSE(parse(r, future));
  CHECK(r.carried() == tcpinfo::attribute_bit(tcpinfo::attribute_type::cong));
  CHECK(encoded(r) == future);
  CHECK(rewritten(line("[null]", ",\"Carried\":[],\"Ended\":\"2020-01-01T00:00:00Z\"")) ==
        line("[null]", ",\"Ended\":\"2020-01-01T00:00:00Z\",\"Carried\":[]"));
  CHECK(rewritten(line("[null]", ",\"Carried\":null,\"Ended\":null")) == line("[null]"));
  // A list of nothing is kept, whoever reads it.
  for (const std::string& text :
       {line("[null]", ",\"Carried\":[]"),
        line("[null]", ",\"Ended\":\"2020-01-01T00:00:00Z\",\"Carried\":[]")})
    CHECK(rewritten(rewritten(text)) == text);
}

TEST_CASE("a record says how many changes were left out before it") {
  built_message b;
  b.add(2, "info");
  const auto t = tcpinfo::timestamp::from_unix_nanoseconds(1'700'000'000'000'000'000);
  tcpinfo::record_extras extras;
  tcpinfo::record_encoder faster;
  for (const std::uint32_t thinned : {0U, 1U, 99U, ~std::uint32_t{0}})
    for (const std::uint32_t carried : {0U, tcpinfo::ends_bit}) {
      extras.poll = carried == 0 ? 17 : tcpinfo::no_poll;
      extras.carried = carried;
      extras.thinned = thinned;
      std::string out(tcpinfo::max_record_size(b.view()), '?');
      std::size_t n = 0;
      REQUIRE_FALSE(tcpinfo::encode_record(out, n, t, b.view(), extras));
      out.resize(n);
      const std::string end = std::string(carried == 0 ? ",\"Poll\":17" : ",\"Carried\":[\"ID\"]") +
                              (thinned == 0 ? "" : ",\"Thinned\":" + std::to_string(thinned)) +
                              "}\n";
      CHECK(out.ends_with(end));
      std::string same(tcpinfo::max_record_size(b.view()), '?');
      REQUIRE_FALSE(faster.encode(same, n, t, b.view(), extras));
      CHECK(same.substr(0, n) == out);
      for (const std::string& text : {out, spaced(out)}) {
        record r;
        REQUIRE_FALSE(parse(r, text));
        CHECK(r.thinned() == thinned);
        CHECK(r.carried() == carried);
        CHECK(r.unknown_keys() == 0);
        CHECK(encoded(r) + "\n" == out);
        REQUIRE_FALSE(parse(r, line("[null]")));  // nothing shines through
        CHECK(r.thinned() == 0);
      }
    }
  // Nothing left out is said by nobody, and kept all the same.
  CHECK(rewritten(line("[null]", ",\"Thinned\":0")) == line("[null]", ",\"Thinned\":0"));
  CHECK(rewritten(line("[null]", ",\"Thinned\":null")) == line("[null]"));
  CHECK(rewritten(line("[null]", ",\"Thinned\":7,\"Poll\":2")) ==
        line("[null]", ",\"Poll\":2,\"Thinned\":7"));
}

TEST_CASE("lines in the canonical form are written as they were read") {
  for (const std::string& text :
       {line("[null]"), line("[]"), line("[\"\"]"), line("[null,null]"),
        line("[null]", ",\"Poll\":0"), line("[null]", ",\"Poll\":18446744073709551615"),
        line("[" + repeat("null,", 18) + "\"c2VjcmV0\"]"),
        std::string("{\"Timestamp\":\"2020-01-02T03:04:05+00:00\",\"Attributes\":[null]}"),
        std::string("{\"Timestamp\":\"2020-01-02T03:04:05.100000-00:00\"}"),
        std::string("{\"Timestamp\":\"2020-01-02T03:04:05.12345678901234567890123456789012345678901"
                    "2345678901234567890Z\",\"Poll\":1}"),
        line("[null]", ",\"Ended\":\"2020-01-02T03:04:05.5Z\""),
        line("[null]", ",\"Poll\":1,\"Ended\":\"2020-01-02T03:04:05+01:00\",\"Carried\":[\"ID\"]"),
        line("[null]", ",\"Carried\":[\"MEMINFO\",\"NEW_1\"]"),
        line("[null]", ",\"New\":[1,2.50,{\"a\":\"b \\\" c\"}],\"Poll\":3")}) {
    INFO(text);
    CHECK(rewritten(text) == text);
    CHECK(rewritten(spaced(text)) == text);
    CHECK(rewritten(text + "\n") == text);
    CHECK(rewritten(text + "\r\n") == text);
  }
}

TEST_CASE("keys in any order, spaces, escapes, unknown keys") {
  const std::string plain = line("[null,\"Zm9v\"]", ",\"Poll\":5");
  CHECK(rewritten("{\"Poll\":5,\"Attributes\":[null,\"Zm9v\"],\"RawIDM\":\"" + idm_text +
                  "\",\"Timestamp\":\"" + time_text + "\"}") == plain);
  CHECK(rewritten("  {\t\"Timestamp\" : \"" + time_text + "\" , \"RawIDM\": \"" + idm_text +
                  "\", \"Attributes\": [ null , \"Zm9v\" ] , \"Poll\": 5 } ") == plain);
  CHECK(rewritten("{\"Timest\\u0061mp\":\"" + time_text + "\",\"RawIDM\":\"" + idm_text +
                  "\",\"Attributes\":[null,\"\\u005am9v\"],\"Poll\":5}") == plain);
  // Some writers escape the slash.
  CHECK(rewritten(line("[\"\\/\\/\\/\\/\"]")) == line("[\"////\"]"));

  record r;
  REQUIRE_FALSE(parse(r, line("[null]",
                              ", \"A\" : { \"b\" : [ 1 , \"c d\" ] } , \"Poll\":1, "
                              "\"B\": tru"
                              "e , \"C<\": null, \"D\": -1.50e3 ")));
  CHECK(r.unknown_keys() == 4);
  CHECK(encoded(r) == line("[null]",
                           ",\"A\":{\"b\":[1,\"c d\"]},\"B\":true,\"C\\u003c\":null,\"D\":-1.50e3,"
                           "\"Poll\":1"));
  const std::string future =
      "{\"Timestamp\":\"0001-01-01T00:00:00Z\",\"Metadata\":{\"UUID\":\"u\",\"Sequence\":1,\"Nic\":"
      "[\"eth0\"]}}";
  REQUIRE_FALSE(parse(r, future));
  CHECK(r.unknown_keys() == 1);
  CHECK(encoded(r) == future);
  // Null is as good as absent.
  CHECK(rewritten("{\"Timestamp\":\"" + time_text +
                  "\",\"RawIDM\":null,\"Attributes\":null,\"Metadata\":null,\"Poll\":null}") ==
        "{\"Timestamp\":\"" + time_text + "\"}");
  CHECK(
      rewritten(
          "{\"Timestamp\":\"" + time_text +
          "\",\"Metadata\":{\"UUID\":null,\"Sequence\":null,\"StartTime\":null,\"Host\":null}}") ==
      "{\"Timestamp\":\"" + time_text + "\",\"Metadata\":{}}");
  // A record can be both.
  const std::string both = line("[null]", ",\"Metadata\":{\"UUID\":\"u\"},\"Poll\":1");
  CHECK(rewritten(both) == both);
  // Attributes before a RawIDM: neither spoils the other.
  CHECK(rewritten("{\"Attributes\":[\"Zm9vZm9vZm9v\"],\"RawIDM\":\"" + idm_text +
                  "\",\"Timestamp\":\"" + time_text + "\"}") == line("[\"Zm9vZm9vZm9v\"]"));
}

TEST_CASE("bad lines say what is wrong") {
  record r;
  const auto fault = [&](const std::string& text) {
    REQUIRE_FALSE(parse(r, line("[\"Zm9v\"]", ",\"Poll\":1")));
    const std::error_code ec = parse(r, text);
    // Nothing of an earlier line shines through.
    CHECK_FALSE(r.has_idm());
    CHECK(r.attribute_count() == 0);
    CHECK(r.poll() == tcpinfo::no_poll);
    CHECK(r.time().is_zero());
    CHECK(tcpinfo::max_record_size(r) == 0);
    std::array<char, 8> out;
    std::size_t n = 0;
    CHECK(tcpinfo::encode_record(out, n, r) == errc::invalid_argument);
    return ec;
  };
  const std::string good = line("[null]");
  for (const std::string& text : {std::string(),
                                  std::string(" "),
                                  std::string("x"),
                                  std::string("[]"),
                                  std::string("null"),
                                  std::string("1"),
                                  std::string("\"a\""),
                                  std::string("{"),
                                  std::string("{}x"),
                                  good + "x",
                                  good + good,
                                  good + "{}",
                                  good.substr(0, good.size() - 1),
                                  std::string("{\"Timestamp\"}"),
                                  std::string("{\"Timestamp\":1}"),
                                  std::string("{\"Timestamp\":null}"),
                                  line("\"x\""),
                                  line("{}"),
                                  line("[1]"),
                                  line("[true]"),
                                  line("[null,]"),
                                  line("[,null]"),
                                  line("[nul]"),
                                  line("[null null]"),
                                  line("[null]", ",\"Poll\":-1"),
                                  line("[null]", ",\"Poll\":1.5"),
                                  line("[null]", ",\"Poll\":\"1\""),
                                  line("[null]", ",\"Poll\":01"),
                                  line("[null]", ",\"Poll\":18446744073709551616"),
                                  line("[null]", ",\"Poll\":1,\"Poll\":1"),
                                  line("[null]", ",\"Timestamp\":\"" + time_text + "\""),
                                  line("[null]", ",\"Metadata\":1"),
                                  line("[null]", ",\"Metadata\":[]"),
                                  line("[null]", ",\"Metadata\":{\"Sequence\":-1}"),
                                  line("[null]", ",\"Metadata\":{\"UUID\":1}"),
                                  line("[null]", ",\"Metadata\":{\"UUID\":\"a\",\"UUID\":\"b\"}"),
                                  line("[null]", ",\"Ended\":1"),
                                  line("[null]", ",\"Carried\":1"),
                                  line("[null]", ",\"Thinned\":4294967296"),
                                  line("[null]", ",\"Thinned\":01"),
                                  line("[null]", ",\"Thinned\":-1"),
                                  line("[null]", ",\"Thinned\":1.5"),
                                  line("[null]", ",\"Thinned\":\"1\""),
                                  line("[null]", ",\"Thinned\":1,\"Thinned\":1"),
                                  line("[null]", ",\"Thinned\":"),
                                  line("[null]", ",\"Carried\":[1]"),
                                  line("[null]", ",\"Carried\":[\"ID\",]"),
                                  line("[null]", ",\"Carried\":[\"ID\" \"INFO\"]"),
                                  line("[null]", ",\"Carried\":[\"ID\"],\"Carried\":[\"ID\"]"),
                                  line("[null]", ",\"X\":tru"),
                                  line("[null]", ",\"X\":[}"),
                                  line("[null]", ",\"X\":{]"),
                                  line("[null]", ",\"X\":01"),
                                  line("[null]", ",\"X\":\"\xff\""),
                                  line("[null]", ",\"X\":\"\n\""),
                                  line("[null]", ",\"X\":\"\\x\""),
                                  line("[null]", ","),
                                  line("[null]", ",\"X\""),
                                  "\xef\xbb\xbf" + good,
                                  std::string("{\"a\0b\":1}", 9)}) {
    INFO(text);
    CHECK(fault(text) == errc::bad_json);
  }
  for (const std::string& text :
       {std::string("{}"), std::string("{\"RawIDM\":\"" + idm_text + "\"}"),
        std::string("{\"Timestamp\":\"\"}"), std::string("{\"Timestamp\":\"yesterday\"}"),
        line("[null]", ",\"Metadata\":{\"StartTime\":\"2019\"}"),
        line("[null]", ",\"Metadata\":{\"Opened\":\"2019\"}"),
        line("[null]", ",\"Ended\":\"soon\""), line("[null]", ",\"Ended\":\"\"")})
    CHECK(fault(text) == errc::bad_timestamp);
  const auto with_idm = [&](const std::string& idm) {
    return "{\"Timestamp\":\"" + time_text + "\",\"RawIDM\":\"" + idm + "\",\"Attributes\":[null]}";
  };
  CHECK(fault(with_idm("")) == errc::bad_raw_idm);
  CHECK(fault(with_idm("AAAA")) == errc::bad_raw_idm);
  CHECK(fault(with_idm(idm_text + "AAAA")) == errc::bad_raw_idm);
  CHECK(fault(with_idm(repeat("AAAA", 5000))) == errc::bad_raw_idm);
  CHECK(fault(with_idm(idm_text.substr(4) + "AA==")) == errc::bad_raw_idm);
  CHECK(fault(with_idm(idm_text.substr(4) + "A*==")) == errc::bad_base64);
  CHECK(fault(with_idm("AAA")) == errc::bad_base64);
  for (const std::string_view text : {"[\"Z\"]", "[\"Zh==\"]", "[\"Zm9v Zm9v\"]", "[\"Zm9v\\n\"]",
                                      "[\"Zm-_\"]", "[null,\"Zm9v=\"]", "[\"\xc3\xa9gg\"]"})
    CHECK(fault(line(text)) == errc::bad_base64);
}

TEST_CASE("limits of netlink") {
  record r;
  const std::string most = "[" + repeat("null,", 16383) + "\"\"]";
  CHECK(rewritten(line(most)) == line(most));
  CHECK(parse(r, line("[" + repeat("null,", 16384) + "\"\"]")) == errc::malformed_attribute);
  CHECK(parse(r, line("[" + repeat("null,", 16384) + "null]")) == errc::malformed_attribute);
  // 65,531 bytes are 87,374 characters and two of padding.
  const std::string large = "[\"" + std::string(87374, 'A') + "A=\"]";
  REQUIRE(rewritten(line(large)) == line(large));
  REQUIRE_FALSE(parse(r, line(large)));
  CHECK(r.view().attributes().well_formed());
  CHECK(r.view().attributes().begin()->payload.size() == 65531);
  CHECK(parse(r, line("[\"" + std::string(87376, 'A') + "\"]")) == errc::malformed_attribute);
  // Many small ones take the most room in a message.
  const std::string many = "[" + repeat("\"\",", 16383) + "\"\"]";
  CHECK(rewritten(line(many)) == line(many));
  const std::string small = "[" + repeat("\"AA==\",", 16383) + "\"AA==\"]";
  CHECK(rewritten(line(small)) == line(small));
}

TEST_CASE("a line cut anywhere is no record, by either way") {
  const std::string text = line("[null,\"Zm9v\",\"Zg==\"]", ",\"Poll\":12");
  record r;
  for (std::size_t cut = 0; cut < text.size(); ++cut) {
    CHECK(parse(r, text.substr(0, cut)));
    CHECK(parse(r, spaced(text.substr(0, cut))));
  }
}

TEST_CASE("a changed line gives the same by either way") {
  const std::string texts[] = {line("[null,\"Zm9v\",\"\",\"Zg==\"]", ",\"Poll\":12"),
                               line("[null]")};
  record fast;
  record slow;
  for (const std::string& text : texts)
    for (std::size_t at = 1; at < text.size(); ++at)
      for (const char c : {'"', '\\', ' ', '=', '0', 'A', ',', ']', '}', '{', '\n', '\0', '\x80'}) {
        std::string changed = text;
        changed[at] = c;
        const std::error_code a = parse(fast, changed);
        const std::error_code b = parse(slow, spaced(changed));
        INFO(changed);
        REQUIRE(a == b);
        if (!a) REQUIRE(encoded(fast) == encoded(slow));
      }
}

TEST_CASE("records move") {
  record a;
  CHECK_FALSE(a.has_idm());
  CHECK(a.idm().empty());
  CHECK(a.time().is_zero());
  CHECK(a.unknown_keys() == 0);
  REQUIRE_FALSE(parse(a, line("[null]")));
  record b = std::move(a);
  CHECK(b.has_idm());
  record c;
  c = std::move(b);
  CHECK(c.has_idm());
}
