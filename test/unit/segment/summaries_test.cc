// SPDX-License-Identifier: Apache-2.0
//
// Summaries come back as they were given, beside records that come back without them.
#include <tcpinfo/segment.h>

#include <algorithm>
#include <cstdio>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "unit/catch.h"
#include "unit/made_socket.h"
#include "unit/segment/segment_files.h"
#include "unit/segment/summary_files.h"

namespace {

using namespace segment_files;
using tcpinfo::summary_bucket;
using tcpinfo::summary_value;

constexpr std::uint64_t most = std::numeric_limits<std::uint64_t>::max();
constexpr std::uint32_t most_us = std::numeric_limits<std::uint32_t>::max();

std::string uuid_of(std::uint64_t cookie) {
  char uuid[32];
  std::snprintf(uuid, sizeof uuid, "host_%016llX", static_cast<unsigned long long>(cookie));
  return uuid;
}

told_summary summary_of(std::uint64_t cookie, std::vector<summary_value> values = {}) {
  told_summary s;
  s.about.emplace();
  s.about->uuid = uuid_of(cookie);
  s.about->host = "host";
  s.path = "2026/01/31/" + uuid_of(cookie) + ".00000.jsonl.zst";
  s.values = std::move(values);
  s.congestion_control = "cubic";
  return s;
}

// What a summary may be, and more than it will be.
told_summary any_summary(std::mt19937_64& dice) {
  const auto below = [&dice](std::uint64_t n) { return dice() % n; };
  told_summary s = summary_of(below(100) == 0 ? dice() : below(100'000));
  if (below(5) == 0) s.about.reset();
  if (s.about && below(5) == 0) s.about->uuid = "no cookie " + std::to_string(below(3));
  if (s.about && below(5) == 0) s.about->opened = at_ns(static_cast<std::int64_t>(below(1000)));
  if (s.about && below(5) == 0) s.about->host = std::string(1 + below(50), 'h');
  if (below(3) == 0) s.path = below(2) == 0 ? "" : "path " + std::to_string(below(1000));
  s.goes_on = below(3) == 0;
  for (std::uint32_t field = 0; field < 40; ++field)
    if (below(10) < (field < 20 ? 10 : field % 10))
      s.values.push_back({field, 0, below(4) == 0 ? dice() : below(1000)});
  for (const std::uint32_t field : {1'000U, 65'536U, most_us})
    if (below(20) == 0) s.values.push_back({field, 0, most - below(2)});
  std::uint64_t at = 0;
  for (std::uint64_t n = below(3) == 0 ? 0 : below(12); n > 0; --n) {
    const auto lowest = static_cast<std::uint32_t>(at);
    const auto highest =
        static_cast<std::uint32_t>(std::min<std::uint64_t>(at + below(500), most_us));
    s.rtts.push_back({lowest, highest, below(10) == 0 ? most - below(9) : 1 + below(20)});
    at = std::uint64_t{highest} + 1 + below(1000);
  }
  static const char* const names[] = {"", "cubic", "cubic", "bbr", "reno"};
  s.congestion_control = names[below(5)];
  if (below(50) == 0) s.congestion_control = std::string(1, '\0') + "odd";
  return s;
}

archive_part records_of(std::uint64_t cookie, std::size_t count) {
  archive_part part;
  part.about.emplace();
  part.about->uuid = uuid_of(cookie);
  part.path = uuid_of(cookie);
  for (std::size_t i = 0; i < count; ++i) {
    made_socket s;
    s.cookie = cookie;
    s.set(100, static_cast<std::uint32_t>(i));
    part.entries.push_back(record_entry(at_ns(static_cast<std::int64_t>(i) * 1000), s.view()));
  }
  return part;
}

}  // namespace

TEST_CASE("summaries come back as they were given") {
  std::mt19937_64 dice(20'261'127);
  for (const std::size_t count :
       {std::size_t{1}, std::size_t{7}, std::size_t{8}, std::size_t{9}, std::size_t{500}}) {
    blocks made;
    std::vector<told_summary> all;
    for (std::size_t i = 0; i < count; ++i) all.push_back(any_summary(dice));
    put_summaries(made, all);
    made.finish();
    const summaries_result read = read_summaries(made.all());
    CHECK(read.faults.empty());
    CHECK((read.all == expected(all)));
    CHECK(read.missing == 0);
    CHECK(read.blocks == 0);
    // To who reads records there is nothing.
    const read_result records = read_segment(made.all());
    CHECK(records.records == 0);
    CHECK(records.faults.empty());
    CHECK(records.blocks == 0);
  }
}

TEST_CASE("summaries with nothing, and with as much as there may be") {
  told_summary none;
  told_summary full = summary_of(1);
  for (std::uint32_t i = 0; i < tcpinfo::max_summary_values; ++i)
    full.values.push_back({i * 3, 0, i % 2 == 0 ? 0 : most});
  for (std::uint32_t i = 0; i < tcpinfo::max_summary_buckets; ++i)
    full.rtts.push_back({i * 1'000'000, i * 1'000'000 + 999'999, most});
  full.rtts.back().highest = most_us;
  full.congestion_control = std::string(4096, 'c');
  const std::vector<told_summary> all = {none, full, none, full};
  blocks made;
  put_summaries(made, all);
  CHECK((read_summaries(made.all()).all == expected(all)));
  // All of them without values, rtts and names.
  blocks bare;
  put_summaries(bare, {none, none});
  CHECK((read_summaries(bare.all()).all == expected({none, none})));
}

TEST_CASE("records and summaries beside each other") {
  std::mt19937_64 dice(1);
  blocks made;
  std::vector<archive_part> parts;
  std::vector<told_summary> summaries;
  for (std::uint64_t i = 0; i < 4; ++i) {
    parts.push_back(records_of(i, 2 + i));
    made.put(parts.back());
    // They do not wait for each other.
    const std::vector<told_summary> some = {any_summary(dice), any_summary(dice)};
    for (const told_summary& s : some) REQUIRE_FALSE(try_add(made.writer, s));
    CHECK(made.writer.waiting_summaries() == 2);
    CHECK(made.writer.waiting() == 2 + i);
    const std::size_t bytes = made.writer.waiting_bytes();
    if (i % 2 == 0) {
      made.flush();
      CHECK(made.writer.waiting_summaries() == 2);
      flush_summaries(made);
    } else {
      flush_summaries(made);
      CHECK(made.writer.waiting() == 2 + i);
      made.flush();
    }
    CHECK(bytes > 0);
    summaries.insert(summaries.end(), some.begin(), some.end());
  }
  flush_summaries(made);  // nothing waits
  CHECK(made.frames.size() == 8);
  made.finish();
  const read_result read = read_segment(made.all());
  CHECK(read.parts == expected(parts));
  CHECK(read.faults.empty());
  CHECK(read.missing == 0);
  CHECK(read.blocks == 4);
  const summaries_result read_them = read_summaries(made.all());
  CHECK((read_them.all == expected(summaries)));
  CHECK(read_them.faults.empty());
  CHECK(read_them.missing == 0);
  CHECK(read_them.blocks == 4);
  CHECK(read_them.number == 14);
  // A record_reader knows them no more than next().
  std::size_t records = 0;
  for (const read_record& r : read_records(made.all())) {
    CHECK_FALSE(r.fault);
    records += r.is_metadata ? 0 : 1;
  }
  CHECK(records == 14);
  // Two segments one behind the other.
  const summaries_result twice = read_summaries(made.all() + made.all());
  CHECK(twice.all.size() == 16);
  CHECK(twice.missing == 0);
  CHECK(twice.number == 28);
}

TEST_CASE("a block of summaries that is full is flushed, and the rest comes in the next") {
  std::mt19937_64 dice(2);
  blocks made;
  std::vector<told_summary> all;
  for (std::size_t i = 0; i < 6'000; ++i) {
    all.push_back(any_summary(dice));
    std::error_code ec = try_add(made.writer, all.back());
    if (ec == errc::buffer_too_small) {
      const std::uint32_t waiting = made.writer.waiting_summaries();
      CHECK(waiting > 300);
      CHECK(try_add(made.writer, all.back()) == errc::buffer_too_small);
      CHECK(made.writer.waiting_summaries() == waiting);
      flush_summaries(made);
      ec = try_add(made.writer, all.back());
    }
    REQUIRE_FALSE(ec);
  }
  flush_summaries(made);
  CHECK(made.frames.size() > 2);
  for (const std::string& frame : made.frames) CHECK(content_of(frame).size() < 512 * 1024);
  const summaries_result read = read_summaries(made.all());
  CHECK(read.faults.empty());
  CHECK((read.all == expected(all)));
}

TEST_CASE("a block holds so many fields, and not more") {
  blocks made;
  std::vector<told_summary> all;
  for (std::uint32_t i = 0; i < 8; ++i) {
    all.push_back(summary_of(i));
    for (std::uint32_t k = 0; k < 128; ++k) all.back().values.push_back({i + 8 * k, 0, k});
    REQUIRE_FALSE(try_add(made.writer, all.back()));
  }
  told_summary more = summary_of(9, {{5'000'000, 0, 1}});
  CHECK(try_add(made.writer, more) == errc::buffer_too_small);
  flush_summaries(made);
  REQUIRE_FALSE(try_add(made.writer, more));
  all.push_back(more);
  flush_summaries(made);
  CHECK((read_summaries(made.all()).all == expected(all)));
}

TEST_CASE("summaries that are none are refused, and nothing is added") {
  blocks made;
  const auto refused = [&](const told_summary& s, std::error_code wanted) {
    CHECK(try_add(made.writer, s) == wanted);
    CHECK(made.writer.waiting_summaries() == 0);
  };
  refused(summary_of(1, {{1, 0, 1}, {1, 0, 1}}), errc::invalid_argument);
  refused(summary_of(1, {{2, 0, 1}, {1, 0, 1}}), errc::invalid_argument);
  refused(summary_of(1, {{2, 1, 1}}), errc::invalid_argument);
  refused(summary_of(1, std::vector<summary_value>(256)), errc::invalid_argument);
  told_summary s = summary_of(1);
  for (const std::vector<summary_bucket>& rtts :
       std::vector<std::vector<summary_bucket>>{{{1, 1, 0}},
                                                {{2, 1, 1}},
                                                {{1, 2, 1}, {2, 3, 1}},
                                                {{5, 6, 1}, {1, 2, 1}},
                                                std::vector<summary_bucket>(4097, {0, 0, 1})}) {
    s.rtts = rtts;
    refused(s, errc::invalid_argument);
  }
  s = summary_of(1);
  s.congestion_control = std::string(4097, 'c');
  refused(s, errc::invalid_argument);
  s = summary_of(1);
  s.path = std::string("a\0b", 3);
  refused(s, errc::invalid_argument);
  s = summary_of(1);
  s.about->start_time.utc_offset_seconds = 3600;
  refused(s, errc::bad_timestamp);
  s = summary_of(1);
  s.about->host = std::string(4097, 'h');
  refused(s, errc::invalid_argument);
  tcpinfo::segment_summary summary;
  summary.size = 4;
  CHECK(made.writer.add_summary({}, summary) == errc::invalid_argument);
  tcpinfo::segment_archive archive;
  archive.reserved = 1;
  CHECK(made.writer.add_summary(archive, {}) == errc::invalid_argument);
  // And what is right still goes in.
  put_summaries(made, {summary_of(1)});
  CHECK((read_summaries(made.all()).all == expected({summary_of(1)})));
}

TEST_CASE("a reader gives either records or summaries") {
  blocks made;
  made.put(records_of(1, 2));
  made.flush();
  put_summaries(made, {summary_of(1, {{0, 0, 2}})});
  made.finish();
  const std::string bytes = made.all();
  tcpinfo::segment_reader reader;
  tcpinfo::segment_record r;
  tcpinfo::segment_summary s;
  bool more = true;
  CHECK(reader.next_summary(s, more) == errc::not_open);
  CHECK_FALSE(more);
  REQUIRE_FALSE(reader.open_memory(bytes_of(bytes)));
  REQUIRE_FALSE(reader.next(r, more));
  CHECK(reader.next_summary(s, more) == errc::invalid_argument);
  CHECK(more);
  REQUIRE_FALSE(reader.next(r, more));
  CHECK(more);
  CHECK(reader.archive().path == uuid_of(1));
  // Opened again it may be the other.
  REQUIRE_FALSE(reader.open_memory(bytes_of(bytes)));
  CHECK(reader.archive().path.empty());
  s.size = 4;
  CHECK(reader.next_summary(s, more) == errc::invalid_argument);
  s.size = sizeof s;
  REQUIRE_FALSE(reader.next_summary(s, more));
  CHECK(more);
  CHECK(s.size == sizeof s);
  CHECK(reader.record_number() == 2);
  CHECK(reader.archive().path == summary_of(1).path);
  CHECK(reader.next(r, more) == errc::invalid_argument);
  REQUIRE_FALSE(reader.next_summary(s, more));
  CHECK_FALSE(more);
  // It is filled as far as it goes.
  REQUIRE_FALSE(reader.open_memory(bytes_of(bytes)));
  s = {};
  s.size = offsetof(tcpinfo::segment_summary, congestion_control);
  s.congestion_control = "mine";
  REQUIRE_FALSE(reader.next_summary(s, more));
  CHECK(s.values.size() == 1);
  CHECK(s.congestion_control == "mine");
}

TEST_CASE("summaries wait with the writer, and are forgotten with it") {
  blocks made;
  REQUIRE_FALSE(try_add(made.writer, summary_of(1)));
  const std::size_t bytes = made.writer.waiting_bytes();
  CHECK(bytes > 0);
  tcpinfo::segment_writer taken = std::move(made.writer);
  CHECK(taken.waiting_summaries() == 1);
  CHECK(made.writer.waiting_summaries() == 0);
  CHECK(try_add(made.writer, summary_of(1)) == errc::not_open);
  bytes_view frame = bytes_of("x");
  CHECK(made.writer.flush_summaries(frame) == errc::not_open);
  CHECK(frame.empty());
  made.writer = std::move(taken);
  REQUIRE_FALSE(made.writer.create({}));
  CHECK(made.writer.waiting_summaries() == 0);
  REQUIRE_FALSE(try_add(made.writer, summary_of(2)));
  made.finish();  // not flushed
  CHECK(made.writer.waiting_summaries() == 0);
  CHECK(read_summaries(made.all()).all.empty());
}
