// SPDX-License-Identifier: Apache-2.0
//
// Columns of a segment are what its messages have in those bytes, whatever the messages are.
#include <tcpinfo/inetdiag.h>
#include <tcpinfo/segment.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "unit/archive/archive_messages.h"
#include "unit/catch.h"
#include "unit/made_socket.h"
#include "unit/segment/segment_files.h"

namespace {

using namespace segment_files;
using tcpinfo::segment_column;
using tcpinfo::segment_columns;
using tcpinfo::segment_head;
using tcpinfo::segment_reader;

/// What one archive has in one block.
struct chunk {
  std::string path;
  std::string uuid;
  std::vector<tcpinfo::segment_moment> moments;
  std::vector<std::vector<std::uint64_t>> values;   ///< by column
  std::vector<std::vector<std::uint8_t>> is_there;  ///< by column
  std::uint32_t lines = 0;
  std::uint64_t number = 0;  ///< of the last record

  friend bool operator==(const chunk&, const chunk&) = default;
};

std::string uuid_of(const tcpinfo::segment_archive& archive) {
  return archive.about == nullptr ? std::string() : std::string(archive.about->uuid);
}

// The bytes of the payload that a column is of; empty where the message has none, or fewer.
tcpinfo::bytes_view bytes_in(const tcpinfo::message& m, const segment_column& c) {
  tcpinfo::bytes_view payload = m.bytes.first(tcpinfo::wire::inet_diag_msg_size);
  if (c.attribute != segment_head) {
    payload = {};
    for (const tcpinfo::attribute& a : m.attributes())
      if (a.type == c.attribute) payload = a.payload;
  }
  const std::size_t end = std::size_t{c.offset} + c.width;
  return payload.size() < end ? tcpinfo::bytes_view() : payload.subspan(c.offset, c.width);
}

std::vector<chunk> by_messages(const std::string& bytes,
                               const std::vector<segment_column>& wanted) {
  segment_reader reader;
  must(reader.open_memory(bytes_of(bytes)), "open_memory");
  std::vector<chunk> all;
  for (;;) {
    tcpinfo::segment_record r;
    bool more = true;
    must(reader.next(r, more), "next");
    if (!more) return all;
    if (r.first == 1) {
      all.emplace_back();
      all.back().path = reader.archive().path;
      all.back().uuid = uuid_of(reader.archive());
      all.back().values.resize(wanted.size());
      all.back().is_there.resize(wanted.size());
    }
    chunk& to = all.back();
    to.number = reader.record_number();
    if (r.m.bytes.empty()) {
      ++to.lines;
      continue;
    }
    const tcpinfo::metadata* const about = reader.archive().about;
    const bool big = about != nullptr && about->byte_order == "big";
    to.moments.push_back({*r.time.unix_nanoseconds(), r.poll});
    for (std::size_t c = 0; c < wanted.size(); ++c) {
      const tcpinfo::bytes_view found = bytes_in(r.m, wanted[c]);
      std::uint64_t value = 0;
      for (std::size_t i = 0; i < found.size(); ++i)
        value = value << 8U | std::to_integer<std::uint64_t>(found[big ? i : found.size() - 1 - i]);
      to.values[c].push_back(value);
      to.is_there[c].push_back(found.empty() ? 0 : 1);
    }
  }
}

std::vector<chunk> by_columns(const std::string& bytes, const std::vector<segment_column>& wanted) {
  static segment_reader reader;
  must(reader.open_memory(bytes_of(bytes)), "open_memory");
  must(reader.want_columns(wanted), "want_columns");
  std::vector<chunk> all;
  for (;;) {
    segment_columns columns;
    bool more = true;
    must(reader.next_columns(columns, more), "next_columns");
    if (!more) return all;
    chunk& to = all.emplace_back();
    to.path = reader.archive().path;
    to.uuid = uuid_of(reader.archive());
    to.moments.assign(columns.moments.begin(), columns.moments.end());
    to.lines = columns.lines;
    to.number = reader.record_number();
    const std::size_t count = columns.moments.size();
    must(columns.values.size() == count * wanted.size(), "values of each column and message");
    must(columns.present.empty() || columns.present.size() == columns.values.size(), "present");
    for (std::size_t c = 0; c < wanted.size(); ++c) {
      const auto values = columns.values.subspan(c * count, count);
      to.values.emplace_back(values.begin(), values.end());
      if (columns.present.empty()) {
        to.is_there.emplace_back(count, std::uint8_t{1});
      } else {
        const auto present = columns.present.subspan(c * count, count);
        to.is_there.emplace_back(present.begin(), present.end());
      }
    }
  }
}

std::vector<segment_column> some_columns() {
  constexpr std::uint32_t info = 2;
  std::vector<segment_column> all = {
      {segment_head, 0, 1},  {segment_head, 1, 1},  {segment_head, 4, 2},  {segment_head, 6, 2},
      {segment_head, 44, 4}, {segment_head, 44, 8}, {segment_head, 48, 4}, {segment_head, 68, 4}};
  constexpr std::uint16_t offsets[] = {0, 1, 2, 3, 4, 7, 60, 68, 80, 96, 120, 224, 276};
  constexpr std::uint16_t widths[] = {1, 2, 4, 8};
  for (const std::uint16_t offset : offsets)
    for (const std::uint16_t width : widths)
      if (offset % 4 + width <= 8) all.push_back({info, offset, width});
  all.push_back({8, 0, 1});    // SHUTDOWN, one byte
  all.push_back({8, 0, 2});    // of which no more is there
  all.push_back({999, 0, 4});  // nobody has it
  all.push_back({0, 0, 4});    // an attribute of type 0, which is not the head
  return all;
}

// Messages of many shapes, lengths and archives: attributes come and go, archives go on.
std::string random_segment(std::mt19937& random, bool of_a_big_machine) {
  const auto below = [&](unsigned n) { return static_cast<unsigned>(random() % n); };
  blocks made;
  std::vector<archive_part> parts(1 + below(7));
  std::vector<made_socket> sockets(parts.size());
  for (std::size_t i = 0; i < parts.size(); ++i) {
    parts[i].path = "archive " + std::to_string(i);
    sockets[i].cookie = random();
    if (below(4) != 0) {
      parts[i].about.emplace();
      parts[i].about->uuid = "h_000000000000000" + std::to_string(i);
      if (of_a_big_machine) parts[i].about->byte_order = "big";
    }
  }
  std::int64_t time = 0;
  for (unsigned flushes = 1 + below(3); flushes > 0; --flushes) {
    std::vector<std::uint32_t> numbers;
    for (archive_part& part : parts) {
      numbers.push_back(made.begin(part));
      part.goes_on = true;
    }
    for (unsigned n = below(120); n > 0; --n) {
      const unsigned i = below(static_cast<unsigned>(parts.size()));
      if (below(20) == 0) {
        made.add(numbers[i], text_entry("a line\n"));
        continue;
      }
      for (unsigned changes = below(4); changes > 0; --changes)
        sockets[i].set(4 * below(58), random() >> below(32));
      built_message m;
      std::string info(below(3) == 0 ? 8 * below(36) : 280, '\0');
      const tcpinfo::message whole = sockets[i].view();
      for (const tcpinfo::attribute& a : whole.attributes())
        if (a.type == 2)
          for (std::size_t k = 0; k < std::min(info.size(), a.payload.size()); ++k)
            info[k] = static_cast<char>(a.payload[k]);
      std::memcpy(m.header.data(), whole.bytes.data(), m.header.size());
      if (below(9) != 0) m.add(2, info);
      if (below(2) == 0) m.add(8, std::string(1, static_cast<char>(below(4))));
      if (below(9) == 0) m.add(0, std::string(4, static_cast<char>(below(250))));
      tcpinfo::record_extras extras;
      if (below(3) != 0) extras.poll = random() % 1000;
      made.add(numbers[i], record_entry(at_ns(time += below(3) * 10'000'000), m.view(), extras));
    }
    made.flush();
  }
  made.finish();
  return made.all();
}

}  // namespace

TEST_CASE("columns have what the messages have, of any kind") {
  std::mt19937 random(7);
  for (unsigned i = 0; i < 200; ++i) {
    const std::string bytes = random_segment(random, i % 5 == 0);
    std::vector<segment_column> wanted = some_columns();
    std::shuffle(wanted.begin(), wanted.end(), random);
    wanted.resize(random() % (wanted.size() + 1));
    INFO("segment " << i);
    const bool same = by_columns(bytes, wanted) == by_messages(bytes, wanted);
    CHECK(same);
  }
}

TEST_CASE("columns are told with the moments of their messages, of connections seen now and then") {
  std::mt19937 random(8);
  const auto below = [&](unsigned n) { return static_cast<unsigned>(random() % n); };
  for (unsigned round = 0; round < 60; ++round) {
    blocks made;
    std::vector<std::uint32_t> numbers;
    std::vector<made_socket> sockets(2 + below(5));
    // In how many polls of 1,000 a connection is not seen, and for how many others then.
    std::vector<unsigned> misses(sockets.size());
    std::vector<unsigned> away(sockets.size());
    std::map<std::string, std::string> names;  // paths by UUID
    for (std::size_t i = 0; i < sockets.size(); ++i) {
      archive_part part;
      part.path = "archive " + std::to_string(i);
      part.about.emplace();
      // Cookies that are near each other, and one that is not.
      sockets[i].cookie = (i == 1 ? std::uint64_t{7} << 33U : 0) + 250 + i;
      char uuid[tcpinfo::max_uuid_size];
      const std::size_t size = tcpinfo::format_uuid("h", sockets[i].cookie, uuid);
      const std::string name(uuid, size);
      part.about->uuid = name;
      if (i % 3 == 0) part.path = "2026/01/31/" + name + ".00000.jsonl.zst";
      names[name] = part.path;
      numbers.push_back(made.begin(part));
      misses[i] = below(3) == 0 ? 0 : 1U << below(10);
    }
    for (std::int64_t poll = 0; poll < 200; ++poll)
      for (std::size_t i = 0; i < sockets.size(); ++i) {
        if (away[i] == 0 && below(1000) < misses[i]) away[i] = 1 + below(90);
        if (away[i] > 0) {
          --away[i];
          continue;
        }
        tcpinfo::record_extras extras;
        extras.poll = static_cast<std::uint64_t>(poll);
        if (below(3) == 0) sockets[i].set(4 * below(58), random() >> below(32));
        made.add(numbers[i], record_entry(at_ns(poll * 10'000'000), sockets[i].view(), extras));
      }
    made.flush();
    made.finish();
    const std::vector<segment_column> wanted = {{segment_head, 44, 8}, {2, 68, 4}, {2, 120, 8}};
    INFO("round " << round);
    const std::vector<chunk> got = by_columns(made.all(), wanted);
    const bool same = got == by_messages(made.all(), wanted);
    CHECK(same);
    for (const chunk& one : got) CHECK(names[one.uuid] == one.path);
  }
}

TEST_CASE("columns of many archives with a message each are what their messages have") {
  std::mt19937 random(9);
  const auto below = [&](unsigned n) { return static_cast<unsigned>(random() % n); };
  for (unsigned round = 0; round < 40; ++round) {
    blocks made;
    const bool big = round % 5 == 0;
    for (int flushes = 2; flushes > 0; --flushes) {
      // Stretches of archives that are alike: with an attribute or without, and one message each,
      // sometimes a line or more messages.
      bool has_shutdown = false;
      for (unsigned i = 0; i < 400; ++i) {
        if (below(60) == 0) has_shutdown = !has_shutdown;
        made_socket s;
        s.cookie = 1000 + 3 * i;
        for (unsigned changes = below(4); changes > 0; --changes)
          s.set(4 * below(58), random() >> below(32));
        archive_part part;
        char uuid[tcpinfo::max_uuid_size];
        const std::size_t size = tcpinfo::format_uuid("h", s.cookie, uuid);
        part.path = "2026/01/31/" + std::string(uuid, size) + ".00000.jsonl.zst";
        if (below(50) == 0) {
          part.path = "named " + std::to_string(i);
        } else {
          part.about.emplace();
          part.about->uuid = std::string(uuid, size);
          if (big && i % 2 == 0) part.about->byte_order = "big";
        }
        part.goes_on = below(2) == 0;
        const std::uint32_t number = made.begin(part);
        if (below(80) == 0) made.add(number, text_entry("a line\n"));
        for (unsigned n = below(30) == 0 ? below(20) : 1; n > 0; --n) {
          built_message m;
          std::memcpy(m.header.data(), s.view().bytes.data(), m.header.size());
          for (const tcpinfo::attribute& a : s.view().attributes())
            m.add(a.type,
                  std::string(reinterpret_cast<const char*>(a.payload.data()), a.payload.size()));
          if (has_shutdown) m.add(8, std::string(1, static_cast<char>(below(4))));
          tcpinfo::record_extras extras;
          extras.poll = below(3);
          made.add(number, record_entry(at_ns(below(3) * 10'000'000), m.view(), extras));
        }
      }
      made.flush();
    }
    made.finish();
    std::vector<segment_column> wanted = {{2, 68, 4}, {2, 120, 8}, {8, 0, 1}, {segment_head, 4, 2}};
    if (round % 4 == 1) wanted.push_back({segment_head, 44, 8});
    if (round % 4 == 2) wanted.clear();
    INFO("round " << round);
    const bool same = by_columns(made.all(), wanted) == by_messages(made.all(), wanted);
    CHECK(same);
  }
}

TEST_CASE("columns that are none are refused") {
  const std::string bytes = segment_of({{}});
  segment_reader reader;
  CHECK(reader.want_columns({}) == errc::not_open);
  segment_columns columns;
  bool more = true;
  CHECK(reader.next_columns(columns, more) == errc::not_open);
  CHECK_FALSE(more);
  REQUIRE_FALSE(reader.open_memory(bytes_of(bytes)));
  const segment_column none[] = {{2, 0, 0},
                                 {2, 0, 3},
                                 {2, 0, 16},
                                 {2, 1, 8},
                                 {2, 3, 8},
                                 {segment_head, 72, 1},
                                 {segment_head, 68, 8},
                                 {0x10000, 0, 4}};
  for (const segment_column& c : none) {
    INFO(c.attribute << " " << c.offset << " " << c.width);
    CHECK(reader.want_columns({&c, 1}) == errc::invalid_argument);
  }
  columns.size = 4;
  more = true;
  CHECK(reader.next_columns(columns, more) == errc::invalid_argument);
}

TEST_CASE("a segment is read as messages or as columns, not both") {
  std::mt19937 random(1);
  std::string bytes;
  while (read_segment(bytes).records == 0) bytes = random_segment(random, false);
  segment_reader reader;
  segment_columns columns;
  tcpinfo::segment_record record;
  bool more = true;
  REQUIRE_FALSE(reader.open_memory(bytes_of(bytes)));
  REQUIRE_FALSE(reader.next(record, more));
  CHECK(reader.next_columns(columns, more) == errc::invalid_argument);
  CHECK(more);
  REQUIRE_FALSE(reader.open_memory(bytes_of(bytes)));
  // None wanted: the moments alone.
  REQUIRE_FALSE(reader.next_columns(columns, more));
  CHECK(columns.values.empty());
  CHECK(reader.next(record, more) == errc::invalid_argument);
  CHECK(more);
}

TEST_CASE("columns: a damaged block costs its records") {
  blocks made;
  archive_part part;
  part.path = "a";
  for (std::int64_t i = 0; i < 3; ++i) {
    made_socket s;
    part.entries = {record_entry(at_ns(i), s.view()), record_entry(at_ns(i + 10), s.view())};
    made.put(part);
    made.flush();
  }
  std::string content = content_of(made.all());
  const std::size_t second = blocks_of(content)[0].size();
  content[second + 60] = static_cast<char>(content[second + 60] ^ 1);
  segment_reader reader;
  REQUIRE_FALSE(reader.open_memory(bytes_of(content)));
  std::size_t faults = 0;
  std::size_t records = 0;
  for (bool more = true;;) {
    segment_columns columns;
    const std::error_code ec = reader.next_columns(columns, more);
    if (!more) break;
    faults += ec ? 1 : 0;
    if (!ec) records += columns.moments.size();
    REQUIRE(faults < 3);
  }
  CHECK(faults == 1);
  CHECK(records == 4);
  CHECK(reader.missing_records() == 2);
  CHECK(reader.record_number() == 6);
}

TEST_CASE("other columns are wanted: from the next block on") {
  blocks made;
  for (std::uint64_t block = 0; block < 2; ++block) {
    for (std::uint64_t i = 0; i < 3; ++i) {
      archive_part part;
      part.path = "archive " + std::to_string(i);
      made_socket s;
      s.cookie = 5 + i;
      part.entries = {record_entry(at_ns(1), s.view())};
      made.put(part);
    }
    made.flush();
  }
  const std::string bytes = made.all();
  segment_reader reader;
  REQUIRE_FALSE(reader.open_memory(bytes_of(bytes)));
  const segment_column cookie[] = {{segment_head, 44, 8}};
  REQUIRE_FALSE(reader.want_columns(cookie));
  const std::vector<segment_column> many(40, segment_column{segment_head, 44, 4});
  for (std::uint64_t i = 0; i < 6; ++i) {
    segment_columns columns;
    bool more = true;
    REQUIRE_FALSE(reader.next_columns(columns, more));
    REQUIRE(more);
    REQUIRE(columns.values.size() == (i < 3 ? 1 : many.size()));
    for (const std::uint64_t value : columns.values) CHECK(value == 5 + i % 3);
    REQUIRE_FALSE(reader.want_columns(many));
  }
}
