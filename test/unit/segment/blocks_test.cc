// SPDX-License-Identifier: Apache-2.0
//
// Blocks: what fits into one, what follows what, and what may stand between them.
#include <tcpinfo/segment.h>

#include <algorithm>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "segment/format.h"
#include "unit/archive/archive_messages.h"
#include "unit/catch.h"
#include "unit/made_socket.h"
#include "unit/segment/segment_files.h"

namespace {

using namespace segment_files;

using tcpinfo::segment_format::max_block;

entry polled_record(std::uint64_t cookie, std::uint64_t poll) {
  made_socket s;
  s.cookie = cookie;
  s.set(100, static_cast<std::uint32_t>(poll * poll));
  tcpinfo::record_extras extras;
  extras.poll = poll;
  return record_entry(at_ns(static_cast<std::int64_t>(poll) * 10'000'000), s.view(), extras);
}

archive_part part_of(std::uint64_t cookie, std::vector<std::uint64_t> polls) {
  archive_part part;
  part.path = "archive " + std::to_string(cookie);
  for (const std::uint64_t poll : polls) part.entries.push_back(polled_record(cookie, poll));
  return part;
}

std::string noise(std::size_t size, unsigned seed) {
  std::mt19937 random(seed);
  std::string out(size, '\0');
  for (char& c : out) c = static_cast<char>(random() & 0xffU);
  return out;
}

// Valid in texts, and as little like others.
std::string noise_digits(std::size_t size, unsigned seed) {
  std::string out = noise(size, seed);
  for (char& c : out) c = static_cast<char>('0' + (static_cast<unsigned char>(c) & 7U));
  return out;
}

// Writes entries of one archive, as many blocks as it takes. The window is the smallest one, so
// that little fills it.
struct long_archive {
  blocks made{3, std::uint32_t{1} << 20};
  archive_part part;
  std::uint32_t number = 0;
  std::size_t full = 0;

  explicit long_archive() {
    part.path = "long";
    part.about.emplace();
    number = made.begin(part);
  }
  void add(const entry& e) {
    const std::uint32_t before = made.writer.waiting();
    const std::error_code ec = made.try_add(number, e);
    if (ec == errc::buffer_too_small) {
      REQUIRE(before > 0);
      CHECK(made.writer.waiting() == before);
      made.flush();
      ++full;
      part.goes_on = true;
      number = made.begin(part);
      made.add(number, e);
    } else {
      REQUIRE_FALSE(ec);
    }
    part.entries.push_back(e);
  }
};

void check_long(long_archive& a) {
  a.made.flush();
  a.made.finish();
  CHECK(a.full > 1);
  const std::string bytes = a.made.all();
  const std::vector<std::string> all = blocks_of(content_of(bytes));
  for (const std::string& block : all) CHECK(block.size() <= max_block);
  const read_result read = read_segment(bytes);
  CHECK(read.faults.empty());
  CHECK(read.missing == 0);
  CHECK(read.blocks == all.size());
  std::vector<std::string> wanted;
  for (const entry& e : a.part.entries) wanted.push_back(e.line());
  // Too long to be shown.
  const bool same = read.lines() == wanted;
  CHECK(same);
  REQUIRE(read.parts.size() == all.size());
  for (const read_part& part : read.parts) CHECK(part.goes_on == (&part != &read.parts.front()));
  CHECK(read.parts.back().about == line_of(a.part.about->view()));
}

}  // namespace

TEST_CASE("more than a block holds: messages that do not compress") {
  long_archive a;
  built_message m;
  for (unsigned i = 0; i < 80; ++i) {
    m.reset().add(2, noise(30'000 + i, i)).add(3, noise(17, i));
    a.add(record_entry(at_ns(i), m.view()));
  }
  check_long(a);
}

TEST_CASE("more than a block holds: the longest lines") {
  long_archive a;
  for (unsigned i = 0; i < 3; ++i) {
    std::string line = noise(tcpinfo::max_segment_line - 1, i) + '\n';
    a.add(text_entry(line));
    a.add(text_entry(std::string(tcpinfo::max_segment_line, static_cast<char>('a' + i))));
  }
  check_long(a);
  std::uint32_t number = a.made.begin(a.part);
  CHECK(a.made.writer.add_line(number, std::string(tcpinfo::max_segment_line + 1, 'x')) ==
        errc::line_too_long);
  CHECK(a.made.writer.waiting() == 0);
}

TEST_CASE("more than a block holds: very many records, alike") {
  long_archive a;
  const entry e = polled_record(1, 1);
  tcpinfo::record parsed;
  REQUIRE_FALSE(parsed.parse(e.line()));
  const std::string message = text_of(parsed.view().bytes);
  std::size_t records = 0;
  while (a.full < 2 && records < 5'000'000) {
    const std::uint32_t before = a.made.writer.waiting();
    const std::error_code ec = a.made.writer.add(a.number, e.time, e.view(), e.extras);
    if (ec == errc::buffer_too_small) {
      REQUIRE(before > 1000);
      a.made.flush();
      ++a.full;
      a.part.goes_on = true;
      a.number = a.made.begin(a.part);
      continue;
    }
    REQUIRE_FALSE(ec);
    ++records;
  }
  REQUIRE(a.full == 2);
  a.made.flush();
  a.made.finish();
  tcpinfo::segment_reader reader;
  const std::string bytes = a.made.all();
  REQUIRE_FALSE(reader.open_memory(bytes_of(bytes)));
  std::size_t read = 0;
  for (bool more = true; more;) {
    tcpinfo::segment_record r;
    REQUIRE_FALSE(reader.next(r, more));
    if (more && (r.m.bytes.size() != message.size() ||
                 std::memcmp(r.m.bytes.data(), message.data(), message.size()) != 0 ||
                 r.poll != 1 || r.time != e.time))
      FAIL("record " << read);
    read += more ? 1 : 0;
  }
  CHECK(read == records);
  const std::vector<std::string> all = blocks_of(content_of(bytes));
  CHECK(reader.blocks() == all.size());
  for (const std::string& block : all) CHECK(block.size() <= max_block);
}

TEST_CASE("more archives than a block holds") {
  blocks made;
  std::vector<std::string> wanted;
  std::size_t full = 0;
  std::size_t begun = 0;
  while (full < 2 && begun < 1'000'000) {
    archive_part part;
    part.path = "2026/01/31/odd name " + std::to_string(begun) + std::string(3000, 'x');
    std::uint32_t number = 0;
    std::error_code ec = made.try_begin(part, number);
    const entry e = text_entry(std::to_string(begun) + '\n');
    if (!ec) ec = made.try_add(number, e);
    if (ec == errc::buffer_too_small) {
      REQUIRE(made.writer.waiting() > 0);
      made.flush();
      ++full;
      continue;
    }
    REQUIRE_FALSE(ec);
    ++begun;
    wanted.push_back(e.text);
  }
  REQUIRE(full == 2);
  made.flush();
  for (const std::string& block : blocks_of(content_of(made.all())))
    CHECK(block.size() <= max_block);
  const read_result read = read_segment(made.all());
  CHECK(read.faults.empty());
  const bool same = read.lines() == wanted;
  CHECK(same);
}

TEST_CASE("archives that are begun and get no record fill a block, and flush() makes room") {
  blocks made;
  archive_part part;
  part.about.emplace();
  std::size_t full = 0;
  for (std::size_t begun = 0; full < 3 && begun < 1'000'000; ++begun) {
    part.path = std::string(4000, 'x') + std::to_string(begun);
    std::uint32_t number = 0;
    const std::error_code ec = made.try_begin(part, number);
    if (!ec) continue;
    REQUIRE(ec == errc::buffer_too_small);
    CHECK(made.writer.waiting() == 0);
    made.flush();
    CHECK(made.frames.empty());
    REQUIRE_FALSE(made.try_begin(part, number));
    ++full;
  }
  CHECK(full == 3);
}

TEST_CASE("what is said anew of archives fills a block as what was said first, and no more") {
  blocks made;
  std::vector<archive_part> parts;
  std::vector<std::uint32_t> numbers;
  for (std::uint64_t cookie = 1; cookie <= 1000; ++cookie) {
    archive_part part = part_of(cookie, {1});
    part.about.emplace();
    part.about->uuid = "u_" + std::to_string(1'000'000 + cookie);
    numbers.push_back(made.begin(part));
    made.add(numbers.back(), part.entries[0]);
    parts.push_back(part);
  }
  std::size_t revised = 0;
  std::error_code ec;
  for (; !ec && revised < parts.size(); ++revised) {
    archive_part better = parts[revised];
    better.about->owner = "io";
    better.about->cgroup = '/' + noise_digits(4000, static_cast<unsigned>(revised));
    ec = made.try_revise(numbers[revised], better);
    if (ec) break;
    parts[revised] = better;
  }
  // Nothing has changed where there is no room.
  REQUIRE(ec == errc::buffer_too_small);
  CHECK(revised > 10);
  made.flush();
  made.finish();
  for (const std::string& block : blocks_of(content_of(made.all())))
    CHECK(block.size() <= max_block);
  const read_result read = read_segment(made.all());
  CHECK(read.faults.empty());
  REQUIRE(read.parts.size() == parts.size());
  for (const read_part& got : read.parts) {
    const auto said = std::find_if(parts.begin(), parts.end(),
                                   [&](const archive_part& part) { return part.path == got.path; });
    REQUIRE(said != parts.end());
    const bool same = got.about == line_of(said->about->view());
    CHECK(same);
  }
}

TEST_CASE("of an archive only what is optional is said anew") {
  blocks made;
  archive_part part = part_of(1, {1});
  part.about.emplace();
  const std::uint32_t number = made.begin(part);
  made.add(number, part.entries[0]);
  archive_part other = part;
  other.about->owner = "io";
  CHECK(made.try_revise(number + 1, other) == errc::invalid_argument);
  other.about->sequence = 1;
  CHECK(made.try_revise(number, other) == errc::invalid_argument);
  other = part;
  other.about->uuid += "1";
  CHECK(made.try_revise(number, other) == errc::invalid_argument);
  other.about.reset();
  CHECK(made.try_revise(number, other) == errc::invalid_argument);
  other = part;
  other.about->cgroup.assign(std::size_t{2} << 20, 'x');
  CHECK(made.try_revise(number, other) == errc::invalid_argument);
  made.flush();
  made.finish();
  const read_result read = read_segment(made.all());
  REQUIRE(read.parts.size() == 1);
  CHECK(read.parts[0].about == line_of(part.about->view()));
}

TEST_CASE("a block does not grow beyond its limit where archives have little in common") {
  blocks made;
  std::vector<std::string> wanted;
  built_message m;
  const std::string payloads[2] = {noise(60'000, 5), std::string(60'000, '\0')};
  for (unsigned i = 0; i < 60; ++i) {
    archive_part part;
    part.path = std::to_string(i);
    m.reset().add(2, payloads[i % 2]);
    const entry e = record_entry(at_ns(i), m.view());
    std::uint32_t number = made.begin(part);
    std::error_code ec = made.try_add(number, e);
    if (ec == errc::buffer_too_small) {
      made.flush();
      number = made.begin(part);
      ec = made.try_add(number, e);
    }
    REQUIRE_FALSE(ec);
    wanted.push_back(e.line());
  }
  made.flush();
  for (const std::string& block : blocks_of(content_of(made.all())))
    CHECK(block.size() <= max_block);
  const read_result read = read_segment(made.all());
  CHECK(read.faults.empty());
  const bool same = read.lines() == wanted;
  CHECK(same);
}

TEST_CASE("what is flushed together is sorted by connection, in blocks that share nothing") {
  blocks made;
  std::vector<std::uint32_t> numbers;
  std::vector<archive_part> parts;
  // More than a block holds; begun from the highest cookie to the lowest.
  constexpr std::uint64_t archives = 600;
  for (std::uint64_t i = 0; i < archives; ++i) {
    archive_part part;
    part.about.emplace();
    part.about->uuid = "host_1769000000_unsafe_00000000000" + std::to_string(10'999 - i);
    part.path = "of " + std::to_string(i);
    numbers.push_back(made.begin(part));
    parts.push_back(std::move(part));
  }
  for (std::uint64_t poll = 0; poll < 60; ++poll)
    for (std::uint64_t i = 0; i < archives; ++i) {
      const entry e = polled_record(std::uint64_t{0x10000} + i, 100 * poll + i);
      made.add(numbers[i], e);
      parts[i].entries.push_back(e);
    }
  made.flush();
  REQUIRE(made.frames.size() == 1);
  const read_result read = read_segment(made.all());
  CHECK(read.faults.empty());
  CHECK(read.blocks > 1);
  std::reverse(parts.begin(), parts.end());
  const bool same = read.parts == expected(parts);
  CHECK(same);
  // Each block is a segment of its own.
  std::size_t records = 0;
  for (const std::string& block : blocks_of(content_of(made.all()))) {
    const read_result alone = read_segment(block);
    CHECK(alone.faults.empty());
    records += alone.records;
  }
  CHECK(records == read.records);
}

TEST_CASE("an archive with more than a block holds goes on in the next one") {
  blocks made;
  archive_part part;
  part.about.emplace();
  part.path = "long";
  const std::uint32_t number = made.begin(part);
  built_message m;
  std::vector<std::string> wanted;
  for (unsigned i = 0; i < 100; ++i) {
    m.reset().add(2, noise(20'000, i));
    const entry e = record_entry(at_ns(i), m.view());
    made.add(number, e);
    wanted.push_back(e.line());
  }
  made.flush();
  const read_result read = read_segment(made.all());
  CHECK(read.faults.empty());
  CHECK(read.blocks > 4);
  REQUIRE(read.parts.size() == read.blocks);
  for (const read_part& one : read.parts) {
    CHECK(one.goes_on == (&one != &read.parts.front()));
    CHECK(one.about == read.parts.front().about);
  }
  const bool same = read.lines() == wanted;
  CHECK(same);
}

TEST_CASE("what goes on without its metadata stays behind the line that told others") {
  // With a cookie and without; with another archive before, whose context is the first one.
  for (const char* uuid : {"host_1769000000_unsafe_0000000000000001", "x"}) {
    blocks made;
    archive_part other = part_of(9, {1});
    other.about.emplace();
    other.about->uuid = "host_1769000000_unsafe_0000000000000000";
    archive_part first = part_of(1, {1, 2});
    first.path = "file";
    first.about.emplace();
    first.about->uuid = uuid;
    first.entries.push_back(text_entry("metadata, told anew\n"));
    archive_part rest = part_of(2, {3});
    rest.path = "file";
    rest.goes_on = true;
    archive_part behind = part_of(7, {4});
    behind.about.emplace();
    behind.about->uuid = "host_1769000000_unsafe_0000000000000002";
    for (const archive_part* part : {&other, &first, &rest, &behind}) made.put(*part);
    made.flush();
    const read_result read = read_segment(made.all());
    CHECK(read.faults.empty());
    std::vector<read_part> wanted;
    if (std::string_view(uuid) == "x")
      wanted = expected({other, behind, first, rest});
    else
      wanted = expected({other, first, rest, behind});
    CHECK(read.parts == wanted);
  }
}

TEST_CASE("a block says nothing of others: each alone is a segment") {
  blocks made;
  for (std::uint64_t i = 0; i < 4; ++i) {
    made.put(part_of(i, {1, 2, 3}));
    made.flush();
  }
  REQUIRE(made.frames.size() == 4);
  for (std::size_t i = 0; i < 4; ++i) {
    const read_result read = read_segment(made.frames[i]);
    CHECK(read.faults.empty());
    CHECK(read.parts == expected({part_of(i, {1, 2, 3})}));
    CHECK(tcpinfo::is_segment(bytes_of(content_of(made.frames[i]))));
  }
}

TEST_CASE("a segment without its end, without blocks, without anything") {
  blocks made;
  made.put(part_of(1, {1, 2}));
  made.flush();
  CHECK(read_segment(made.all()).parts == expected({part_of(1, {1, 2})}));
  // Nothing waits: nothing is written.
  made.flush();
  CHECK(made.frames.size() == 1);

  blocks empty;
  empty.flush();
  CHECK(empty.frames.empty());
  empty.finish();
  for (const std::string& bytes : {empty.all(), std::string()}) {
    const read_result read = read_segment(bytes);
    CHECK(read.parts.empty());
    CHECK(read.faults.empty());
    CHECK(read.number == 0);
    CHECK(read_records(bytes).empty());
  }
}

TEST_CASE("what is not flushed is not in the segment") {
  blocks made;
  made.put(part_of(1, {1, 2}));
  made.flush();
  made.put(part_of(2, {3}));
  made.finish();
  CHECK(read_segment(made.all()).parts == expected({part_of(1, {1, 2})}));
}

TEST_CASE("a writer that is created again begins anew") {
  blocks made;
  made.put(part_of(1, {1, 2}));
  made.flush();
  made.put(part_of(2, {3}));
  REQUIRE_FALSE(made.writer.create({}));
  CHECK(made.writer.waiting() == 0);
  made.frames.clear();
  made.put(part_of(3, {4}));
  made.flush();
  made.finish();
  const read_result read = read_segment(made.all());
  CHECK(read.parts == expected({part_of(3, {4})}));
  CHECK(read.missing == 0);
  CHECK(read.number == 1);
  // The same as from a writer that is new.
  blocks fresh;
  fresh.put(part_of(3, {4}));
  fresh.flush();
  fresh.finish();
  CHECK(fresh.all() == made.all());
}

TEST_CASE("numbers of archives end with their block") {
  blocks made;
  const archive_part part = part_of(1, {1});
  const std::uint32_t number = made.begin(part);
  made.add(number, part.entries[0]);
  made.flush();
  CHECK(made.try_add(number, part.entries[0]) == errc::invalid_argument);
  CHECK(made.writer.add_line(number, "x\n") == errc::invalid_argument);
  CHECK(made.writer.waiting() == 0);
}

TEST_CASE("several segments one after the other are read as one") {
  const std::string first = segment_of({{part_of(1, {1, 2})}, {part_of(2, {3})}});
  const std::string second = segment_of({{part_of(3, {1})}});
  const std::string empty = segment_of({});
  for (const std::string& bytes :
       {first + second, first + empty + second, empty + first + second + empty}) {
    const read_result read = read_segment(bytes);
    CHECK(read.faults.empty());
    CHECK(read.missing == 0);
    CHECK(read.blocks == 3);
    CHECK(read.records == 4);
    CHECK(read.parts == expected({part_of(1, {1, 2}), part_of(2, {3}), part_of(3, {1})}));
  }
}

TEST_CASE("frames of others and skippable ones between blocks cost nothing but a fault") {
  blocks made;
  for (std::uint64_t i = 0; i < 3; ++i) {
    made.put(part_of(i, {i, i + 1}));
    made.flush();
  }
  made.finish();
  const auto wanted = expected({part_of(0, {0, 1}), part_of(1, {1, 2}), part_of(2, {2, 3})});
  struct {
    std::string between;
    std::size_t faults;  ///< at each place
  } const cases[] = {
      {skippable_frame(""), 0},
      {skippable_frame(noise(3000, 1), 0), 0},
      {skippable_frame("x", 15) + skippable_frame("y", 3), 0},
      {frame_of(""), 0},
      {frame_of("not a block"), 1},
      {frame_of(std::string(100'000, 'x')), 1},
      {frame_of("{\"Timestamp\":\"0001-01-01T00:00:00Z\"}\n"), 1},
  };
  for (const auto& c : cases) {
    INFO(tcpinfo::bytes_view(bytes_of(c.between)).size());
    const std::string bytes = made.frames[0] + c.between + made.frames[1] + c.between +
                              made.frames[2] + c.between + made.last;
    const read_result read = read_segment(bytes);
    CHECK(read.parts == wanted);
    CHECK(read.missing == 0);
    CHECK(read.faults.size() == 3 * c.faults);
    for (const std::error_code& ec : read.faults) CHECK(ec == errc::bad_block);
  }
}

TEST_CASE("a block that is not compressed, or otherwise, or in several frames, is one") {
  blocks made;
  for (std::uint64_t i = 0; i < 3; ++i) {
    made.put(part_of(i, {i, i + 1}));
    made.flush();
  }
  made.finish();
  const auto wanted = expected({part_of(0, {0, 1}), part_of(1, {1, 2}), part_of(2, {2, 3})});
  std::string plain;
  std::string again;
  for (const std::string& frame : made.frames) {
    plain += content_of(frame);
    again += frame_of(content_of(frame), 19);
  }
  tcpinfo::segment_reader reader;
  REQUIRE_FALSE(reader.open_memory(bytes_of(plain)));
  read_result read = drain(reader);
  CHECK_FALSE(reader.is_zstd());
  CHECK(read.faults.empty());
  CHECK(read.blocks == 3);
  CHECK(read.parts == wanted);
  CHECK(read_segment(again).parts == wanted);
  // One frame of all blocks.
  read = read_segment(frame_of(plain));
  CHECK(read.faults.empty());
  CHECK(read.parts == wanted);
  // One block in two frames.
  for (const std::size_t at :
       {std::size_t{1}, std::size_t{7}, std::size_t{9}, plain.size() / 2, plain.size() - 1}) {
    read = read_segment(frame_of(plain.substr(0, at)) + frame_of(plain.substr(at)));
    CHECK(read.faults.empty());
    CHECK(read.parts == wanted);
  }
}

TEST_CASE("levels of compression change the bytes, and nothing that is read") {
  for (const std::int32_t level : {1, 3, 9, 22}) {
    blocks made(level);
    std::vector<archive_part> parts;
    for (std::uint64_t i = 0; i < 20; ++i) {
      parts.push_back(part_of(100 + i, {1, 2, 3}));
      made.put(parts.back());
    }
    made.flush();
    made.finish();
    CHECK(read_segment(made.all()).parts == expected(parts));
  }
}
