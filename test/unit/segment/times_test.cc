// SPDX-License-Identifier: Apache-2.0
//
// What a record says beside its message: times, poll numbers, when the connection ended, what was
// carried.
#include <tcpinfo/segment.h>

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "unit/catch.h"
#include "unit/made_socket.h"
#include "unit/segment/segment_files.h"

namespace {

using namespace segment_files;
using tcpinfo::no_poll;
using tcpinfo::record_extras;
using tcpinfo::timestamp;

std::string some_message() {
  made_socket s;
  return text_of(s.view().bytes);
}

void check_entries(std::vector<entry> entries) {
  archive_part part;
  part.path = "times";
  part.entries = std::move(entries);
  const read_result read = read_segment(segment_of({{part}}));
  CHECK(read.faults.empty());
  CHECK(read.parts == expected({part}));
}

void check_times(const std::vector<timestamp>& times) {
  std::vector<entry> entries;
  for (const timestamp& t : times) entries.push_back({t, some_message(), {}, {}});
  check_entries(std::move(entries));
}

void check_polls(const std::vector<std::uint64_t>& polls) {
  std::vector<entry> entries;
  for (const std::uint64_t poll : polls) {
    record_extras extras;
    extras.poll = poll;
    entries.push_back({at_ns(0), some_message(), extras, {}});
  }
  check_entries(std::move(entries));
}

}  // namespace

TEST_CASE("times that rise, fall, stay, and are a nanosecond apart") {
  check_times({at_ns(0)});
  check_times({at_ns(0), at_ns(0), at_ns(0)});
  check_times({at_ns(0), at_ns(1), at_ns(2), at_ns(1), at_ns(0), at_ns(-1)});
  check_times({at_ns(0), at_ns(10'000'000), at_ns(20'100'000), at_ns(20'100'001), at_ns(100'000)});
  std::vector<timestamp> steps;
  for (int i = 0; i < 1000; ++i) steps.push_back(at_ns(std::int64_t{100'000} * i * i));
  check_times(steps);
  for (timestamp& t : steps) ++t.nanoseconds;
  check_times(steps);
}

TEST_CASE("times before 1970, at its beginning, and up to both ends of what is kept") {
  std::vector<timestamp> times;
  for (const std::int64_t seconds :
       {std::int64_t{0}, std::int64_t{-1}, std::int64_t{1}, std::int64_t{-86'400}})
    for (const std::uint32_t ns : {0U, 1U, 99'999U, 100'000U, 999'900'000U, 999'999'999U})
      times.push_back({seconds, ns, 0});
  // As far apart as they can be: the differences do not fit into 63 bits.
  const std::int64_t last = std::numeric_limits<std::int64_t>::max() / 1'000'000'000 - 1;
  times.push_back({last, 999'999'999, 0});
  times.push_back({-last, 0, 0});
  times.push_back({last, 0, 0});
  times.push_back({-last, 999'999'999, 0});
  times.push_back({0, 0, 0});
  check_times(times);
  std::vector<entry> entries;
  for (const timestamp& t : times)
    for (const timestamp& ended : times) {
      record_extras extras;
      extras.ended = ended;
      entries.push_back({t, some_message(), extras, {}});
    }
  check_entries(std::move(entries));
}

TEST_CASE("times that a segment does not keep are refused") {
  blocks made;
  const std::uint32_t number = made.begin({});
  const std::string message = some_message();
  const tcpinfo::message m{bytes_of(message)};
  const std::int64_t last = std::numeric_limits<std::int64_t>::max() / 1'000'000'000;
  for (const timestamp& t :
       {timestamp{}, timestamp{0, 0, -14'400}, timestamp{0, 0, 60}, timestamp{last + 1, 0, 0},
        timestamp{-last - 2, 0, 0}, timestamp{0, 1'000'000'000, 0}, timestamp{0, 0, 1},
        timestamp{std::numeric_limits<std::int64_t>::max(), 0, 0},
        timestamp{std::numeric_limits<std::int64_t>::min(), 0, 0}}) {
    INFO(t.seconds << ' ' << t.nanoseconds << ' ' << t.utc_offset_seconds);
    CHECK(made.writer.add(number, t, m, {}) == errc::bad_timestamp);
    record_extras extras;
    extras.ended = t;
    // No time is none that is refused.
    if (!t.is_zero()) CHECK(made.writer.add(number, at_ns(0), m, extras) == errc::bad_timestamp);
    archive_part part;
    part.about.emplace();
    part.about->start_time = t;
    std::uint32_t none = 0;
    if (!t.is_zero()) CHECK(made.try_begin(part, none) == errc::bad_timestamp);
    part.about->start_time = at_ns(0);
    part.about->opened = t;
    if (!t.is_zero()) CHECK(made.try_begin(part, none) == errc::bad_timestamp);
  }
  CHECK(made.writer.waiting() == 0);
  made.add(number, {at_ns(0), message, {}, {}});
  made.flush();
  CHECK(read_segment(made.all()).records == 1);
}

TEST_CASE("metadata without a start") {
  archive_part part;
  part.about.emplace();
  part.about->start_time = {};
  part.entries.push_back({at_ns(0), some_message(), {}, {}});
  CHECK(read_segment(segment_of({{part}})).parts == expected({part}));
  part.about->opened = at_ns(7);
  CHECK(read_segment(segment_of({{part}})).parts == expected({part}));
  // No time at all, but not in UTC: another text.
  blocks made;
  std::uint32_t number = 0;
  part.about->start_time.utc_offset_seconds = 3600;
  CHECK(made.try_begin(part, number) == errc::bad_timestamp);
  part.about->start_time = at_ns(0);
  part.about->opened = {};
  part.about->opened.utc_offset_seconds = 3600;
  // An opening that is none is not written, however it is given.
  const std::error_code ec = made.try_begin(part, number);
  CHECK((!ec || ec == errc::bad_timestamp));
}

TEST_CASE("poll numbers: none, the first, the highest, forwards, backwards and the same") {
  constexpr std::uint64_t highest = no_poll - 1;
  check_polls({no_poll});
  check_polls({0});
  check_polls({highest});
  check_polls({0, 1, 2, 3, 10, 11, 12});
  check_polls({5, 5, 5, 4, 3, 0, 100});
  check_polls({no_poll, 0, no_poll, highest, 0, highest, no_poll, 1, highest - 1});
  check_polls({std::uint64_t{1} << 63, 0, (std::uint64_t{1} << 63) - 1, std::uint64_t{1} << 63});
  check_polls({1, 2, 3, no_poll, no_poll, 4, 5, no_poll, 6});
}

TEST_CASE("the end of a connection, and what its record carried") {
  std::vector<entry> entries;
  for (const std::uint32_t carried : {0U, 1U, 2U, 0x80000000U, 0xffffffffU, tcpinfo::ends_bit | 4U})
    for (const timestamp& ended : {timestamp{}, at_ns(0), at_ns(-1), at_ns(1'000'000'000)})
      for (const std::uint64_t poll : {no_poll, std::uint64_t{7}}) {
        record_extras extras;
        extras.carried = carried;
        extras.ended = ended;
        extras.poll = poll;
        entries.push_back({at_ns(5), some_message(), extras, {}});
        entries.push_back({at_ns(5), some_message(), {}, {}});
      }
  check_entries(std::move(entries));
}

TEST_CASE("how many changes were left out before a record") {
  std::vector<entry> entries;
  for (const std::uint32_t thinned : {0U, 1U, 127U, 128U, 0U, 0U, 0xffffffffU}) {
    record_extras extras;
    extras.thinned = thinned;
    entries.push_back({at_ns(5), some_message(), extras, {}});
    entries.push_back(text_entry("a line\n"));
    extras.carried = tcpinfo::ends_bit;
    extras.ended = at_ns(4);
    entries.push_back({at_ns(5), some_message(), extras, {}});
  }
  check_entries(std::move(entries));
}

TEST_CASE("times of archives in turn lean on nothing of another archive") {
  std::vector<archive_part> parts(2);
  blocks made;
  parts[0].path = "a";
  parts[1].path = "b";
  const std::uint32_t numbers[2] = {made.begin(parts[0]), made.begin(parts[1])};
  for (std::size_t i = 0; i < 40; ++i) {
    record_extras extras;
    extras.poll = i % 2 == 0 ? i : 1'000'000 - i;
    const entry e{at_ns(static_cast<std::int64_t>(i % 2 == 0 ? i : 77'777'777 * i)),
                  some_message(),
                  extras,
                  {}};
    made.add(numbers[i % 2], e);
    parts[i % 2].entries.push_back(e);
  }
  made.flush();
  auto read = read_segment(made.all()).parts;
  if (read.front().path == "b") std::swap(read.front(), read.back());
  CHECK(read == expected(parts));
}
