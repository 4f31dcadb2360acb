// SPDX-License-Identifier: Apache-2.0
//
// Archives in a segment: their names, first lines, order, and lines that are kept as text.
#include <tcpinfo/segment.h>

#include <algorithm>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include "unit/archive/archive_messages.h"
#include "unit/catch.h"
#include "unit/made_socket.h"
#include "unit/segment/segment_files.h"

namespace {

using namespace segment_files;

entry some_record(std::uint64_t cookie = 1, std::int64_t time = 0) {
  made_socket s;
  s.cookie = cookie;
  return record_entry(at_ns(time), s.view());
}

void sort_by_path(std::vector<read_part>& parts) {
  std::stable_sort(parts.begin(), parts.end(),
                   [](const read_part& a, const read_part& b) { return a.path < b.path; });
}

// What is said of one archive comes back, with the first record and with a second one.
void check_part(archive_part part) {
  INFO(part.path);
  if (part.entries.empty()) part.entries = {some_record(), some_record(1, 1000)};
  const std::string segment = segment_of({{part}});
  const read_result read = read_segment(segment);
  CHECK(read.faults.empty());
  CHECK(read.parts == expected({part}));
  // And through a record_reader.
  std::vector<read_record> wanted;
  if (part.about) {
    // As it is when its line is read and written again.
    tcpinfo::record about;
    REQUIRE_FALSE(about.parse(line_of(part.about->view())));
    wanted.push_back({{}, line_of(about), part.path, true, true, part.goes_on});
  }
  for (const entry& e : part.entries)
    wanted.push_back(
        {{}, e.line(), part.path, false, wanted.empty(), wanted.empty() && part.goes_on});
  CHECK(read_records(segment) == wanted);
}

}  // namespace

TEST_CASE("an archive without first line, name and records") {
  archive_part part;
  check_part(part);
  // What is begun and has no record is not there.
  blocks made;
  (void)made.begin(part);
  CHECK(made.writer.waiting() == 0);
  made.flush();
  made.finish();
  CHECK(read_segment(made.all()).parts.empty());
}

TEST_CASE("names of archives in a block do not depend on the archive before") {
  // Each of these behind each: the UUID and the path are made anew, or only the cookie in them.
  std::vector<archive_part> all;
  const auto add = [&all](std::string_view prefix, std::uint64_t cookie, std::uint64_t sequence,
                          std::string_view day, std::string_view host) {
    archive_part part;
    part.about.emplace();
    part.about->host = host;
    part.about->sequence = sequence;
    part.about->uuid.resize(prefix.size() + 17);
    REQUIRE(tcpinfo::format_uuid(prefix, cookie, part.about->uuid) != 0);
    char number[16];
    std::snprintf(number, sizeof number, "%05u", static_cast<unsigned>(sequence));
    part.path = std::string(day) + "/" + part.about->uuid + "." + number + ".jsonl.zst";
    part.entries = {some_record(cookie)};
    all.push_back(std::move(part));
  };
  add("host_1769000000_unsafe", 1, 0, "2026/01/31", "host");
  add("host_1769000000_unsafe", 0xfedcba9876543210, 0, "2026/01/31", "host");
  add("host_1769000000_unsafe", 2, 1, "2026/01/31", "host");
  add("host_1769000000_unsafe", 3, 0, "2026/02/01", "host");
  add("host_1769000000_unsafe", 4, 0, "2026/01/31", "another");
  add("h", 5, 0, "2026/01/31", "host");
  add("host_1769000000_unsafe", 6, 0, "else", "host");  // a path that is kept as a text
  add("host_1769000000_unsafe", 7, 0, "2026/01/31", "host");
  all.back().about->uuid = "no cookie";
  add("host_1769000000_unsafe", 8, 0, "2026/01/31", "host");
  all.back().about.reset();
  add("host_1769000000_unsafe", 9, 0, "2026/01/31", "host");
  all.back().about.reset();
  all.back().path = "";
  for (const archive_part& first : all)
    for (const archive_part& second : all) {
      if (&first == &second) continue;
      INFO(first.path << " and " << second.path);
      read_result read = read_segment(segment_of({{first, second, first}}));
      CHECK(read.faults.empty());
      // The writer has an order of its own.
      std::vector<read_part> wanted = expected({first, second, first});
      sort_by_path(read.parts);
      sort_by_path(wanted);
      CHECK(read.parts == wanted);
    }
}

TEST_CASE("metadata with no key and with every key") {
  archive_part part;
  part.path = "2026/01/31/host_1769000000_unsafe_0000000000000001.00000.jsonl.zst";
  part.about.emplace();
  check_part(part);
  told_metadata& about = *part.about;
  about.host = "host";
  about.kernel = "6.1.0";
  about.collector = "collector 1";
  about.interval = "10ms";
  about.run = "run";
  about.netns = "net:[4026532008]";
  about.byte_order = "big";
  about.policy = "sample=1/100";
  check_part(part);
  about.cgroup = "/system.slice/web.service";
  about.owner = "connect";
  about.pid = "1234";
  about.comm = "web";
  about.executable = "/usr/bin/web";
  about.opened = at_ns(-5);
  about.sequence = 17;
  check_part(part);
  // Each key alone.
  for (std::string told_metadata::*const key :
       {&told_metadata::host, &told_metadata::kernel, &told_metadata::collector,
        &told_metadata::interval, &told_metadata::run, &told_metadata::netns,
        &told_metadata::byte_order, &told_metadata::policy, &told_metadata::cgroup,
        &told_metadata::owner, &told_metadata::pid, &told_metadata::comm,
        &told_metadata::executable}) {
    part.about.emplace();
    *part.about.*key = "big";
    check_part(part);
    *part.about.*key = std::string("a\0b", 3);
    check_part(part);
    *part.about.*key = "\"<\\>\n\t\x01 \xe2\x80\xa8 \xc3\xa4 big";
    check_part(part);
    *part.about.*key = std::string(3000, 'x');
    check_part(part);
  }
  part.about.emplace();
  part.about->opened = at_ns(1);
  check_part(part);
  part.about->uuid.clear();
  check_part(part);
}

TEST_CASE("an empty line keeps an archive without records") {
  archive_part part;
  part.path = "2026/01/31/host_1769000000_unsafe_0000000000000001.00000.jsonl.zst";
  part.about.emplace();
  part.entries = {text_entry("")};
  const std::string segment = segment_of({{part}});
  CHECK(read_segment(segment).parts == expected({part}));
  CHECK(read_records(segment) ==
        std::vector<read_record>{{{}, line_of(part.about->view()), part.path, true, true, false}});
  // Without a first line there is nothing to give; a file that is empty.
  part.about.reset();
  CHECK(read_segment(segment_of({{part}})).parts == expected({part}));
  CHECK(read_records(segment_of({{part}})).empty());
}

TEST_CASE("bytes that are no UTF-8 are in metadata what they are in its line") {
  archive_part part;
  part.about.emplace();
  part.about->host = "a\xff\xc3(b";
  check_part(part);
}

TEST_CASE("sequences and times of metadata, up to their ends") {
  archive_part part;
  part.about.emplace();
  for (const std::uint64_t sequence :
       {std::uint64_t{0}, std::uint64_t{99'999}, std::uint64_t{100'000}, ~std::uint64_t{0}}) {
    part.about->sequence = sequence;
    check_part(part);
  }
  for (const std::int64_t seconds : {std::int64_t{0}, std::int64_t{-1},
                                     std::int64_t{-9'200'000'000}, std::int64_t{9'200'000'000}})
    for (const std::uint32_t ns : {0U, 1U, 100'000U, 999'999'999U}) {
      part.about->start_time = {seconds, ns, 0};
      part.about->opened = {-seconds, ns, 0};
      check_part(part);
    }
}

TEST_CASE("names of connections of every form") {
  made_socket s;
  s.cookie = 0xab;
  archive_part part;
  part.entries = {record_entry(at_ns(0), s.view())};
  part.about.emplace();
  for (const std::string& uuid :
       {std::string("host_1769000000_unsafe_00000000000000AB"),   // its cookie's
        std::string("host_1769000000_unsafe_00000000000000ab"),   // in another form
        std::string("host_1769000000_unsafe_00000000000000AC"),   // of another cookie
        std::string("host_1769000000_unsafe_0000000000000AB"),    // a digit less
        std::string("host_1769000000_unsafe_000000000000000AB"),  // a digit more
        std::string("_00000000000000AB"), std::string("00000000000000AB"), std::string("x"),
        std::string("no cookie"), std::string("with/slash_00000000000000AB"), std::string("."),
        std::string("\xc3\xa4_00000000000000AB"), std::string(202, 'p') + "_00000000000000AB",
        std::string(1000, 'p') + "_00000000000000AB"}) {
    part.about->uuid = uuid;
    for (const std::string& path :
         {std::string(), "2026/01/31/" + uuid + ".00000.jsonl.zst",
          "2026/01/31/" + uuid + ".00001.jsonl.zst", "2026/02/01/" + uuid + ".00000.jsonl.zst",
          "2026/01/31/" + uuid + ".00000.jsonl", "2026/01/31/" + uuid + ".00000.jsonl.zst.part",
          uuid + ".00000.jsonl.zst"}) {
      part.path = path;
      for (const std::uint64_t sequence : {0U, 1U}) {
        part.about->sequence = sequence;
        check_part(part);
      }
    }
  }
}

TEST_CASE("names of files, derived and odd") {
  archive_part part;
  for (const bool told : {true, false}) {
    if (told) part.about.emplace();
    for (const std::string& path :
         {std::string("2026/01/31/host_1769000000_unsafe_0000000000000001.00000.jsonl.zst"),
          std::string("2026/02/31/host_1769000000_unsafe_0000000000000001.00000.jsonl.zst"),
          std::string("1600/01/31/host_1769000000_unsafe_0000000000000001.00000.jsonl.zst"),
          std::string("9999/12/31/host_1769000000_unsafe_0000000000000001.00000.jsonl.zst"),
          std::string("2026/1/31/host_1769000000_unsafe_0000000000000001.00000.jsonl.zst"),
          std::string("2026/01/31/host_1769000000_unsafe_0000000000000001.000000.jsonl.zst"),
          std::string("2026/01/31/host_1769000000_unsafe_0000000000000001.0000.jsonl.zst"),
          std::string(
              "2026/01/31/host_1769000000_unsafe_0000000000000001.99999999999999999999.jsonl.zst"),
          std::string("2026/01/31/"), std::string("/"), std::string("."), std::string("a/../b"),
          std::string("with space and \n"), std::string("\xff\xfe"), std::string(4096, 'p')}) {
      part.path = path;
      check_part(part);
      part.goes_on = !part.goes_on;
    }
  }
}

TEST_CASE("several archives in turn come back one by one, in the order of their records") {
  std::vector<archive_part> parts(20);
  blocks made;
  std::vector<std::uint32_t> numbers;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    parts[i].path = std::to_string(100 + i);
    if (i % 3 != 0) {
      parts[i].about.emplace();
      parts[i].about->uuid = "u_" + std::to_string(i);
      parts[i].about->host = i % 2 == 0 ? "host" : "another";
    }
    parts[i].goes_on = i % 5 == 4;
    numbers.push_back(made.begin(parts[i]));
  }
  // No two of them are one.
  auto sorted = numbers;
  std::sort(sorted.begin(), sorted.end());
  CHECK(std::adjacent_find(sorted.begin(), sorted.end()) == sorted.end());
  for (std::size_t i = 0; i < 600; ++i) {
    const std::size_t which = (i * i + i / 7) % parts.size();
    const entry e = i % 9 == 5 ? text_entry("line " + std::to_string(i) + '\n')
                               : some_record(which, static_cast<std::int64_t>(i * 1000));
    made.add(numbers[which], e);
    parts[which].entries.push_back(e);
  }
  CHECK(made.writer.waiting() == 600);
  made.flush();
  made.finish();
  read_result read = read_segment(made.all());
  CHECK(read.records == 600);
  CHECK(read.number == 600);
  CHECK(read.blocks == 1);
  auto wanted = expected(parts);
  sort_by_path(wanted);
  sort_by_path(read.parts);
  CHECK(read.parts == wanted);
}

TEST_CASE("an archive that goes on is told with its first line in each block") {
  archive_part part;
  part.path = "2026/01/31/host_1769000000_unsafe_0000000000000001.00000.jsonl.zst";
  part.about.emplace();
  part.entries = {some_record(1, 0), some_record(1, 1)};
  archive_part rest = part;
  rest.goes_on = true;
  rest.entries = {some_record(1, 2)};
  archive_part other;
  other.path = "other";
  other.entries = {some_record(2, 3)};
  const std::string segment = segment_of({{part}, {rest, other}, {rest}});
  const read_result read = read_segment(segment);
  CHECK(read.blocks == 3);
  const auto wanted = expected({part, rest, other, rest});
  REQUIRE(read.parts.size() == 4);
  auto middle = std::vector<read_part>(read.parts.begin() + 1, read.parts.begin() + 3);
  auto wanted_middle = std::vector<read_part>(wanted.begin() + 1, wanted.begin() + 3);
  sort_by_path(middle);
  sort_by_path(wanted_middle);
  CHECK(read.parts.front() == wanted.front());
  CHECK(middle == wanted_middle);
  CHECK(read.parts.back() == wanted.back());

  std::size_t metadata = 0;
  std::size_t goes_on = 0;
  std::size_t begins = 0;
  for (const read_record& r : read_records(segment)) {
    CHECK_FALSE(r.fault);
    CHECK_FALSE((r.goes_on && !r.begins));
    metadata += r.is_metadata ? 1 : 0;
    goes_on += r.goes_on ? 1 : 0;
    begins += r.begins ? 1 : 0;
  }
  CHECK(metadata == 3);
  CHECK(goes_on == 2);
  // The last block goes on with what came last or with another one, as the block before is ordered.
  CHECK((begins == 3 || begins == 4));
}

TEST_CASE("lines are kept as text, whatever they hold") {
  archive_part part;
  part.path = "lines";
  std::string every_byte;
  for (unsigned c = 1; c < 256; ++c) every_byte += static_cast<char>(c);
  every_byte += '\0';
  part.entries = {
      text_entry("{\"Timestamp\":\"2019-04-01T03:42:37.371-04:00\"}\n"),
      text_entry("\n"),
      text_entry("\r\n"),
      text_entry("no end"),
      text_entry(every_byte + '\n'),
      text_entry(every_byte + every_byte),
      text_entry(std::string(1, '\0')),
      some_record(),
      text_entry("between\n"),
      text_entry("two records\n"),
      some_record(1, 5),
      text_entry("last, without end"),
  };
  const read_result read = read_segment(segment_of({{part}}));
  CHECK(read.faults.empty());
  CHECK(read.parts == expected({part}));
}

TEST_CASE("an archive of nothing but lines, and one of lines before records") {
  archive_part only;
  only.path = "a";
  only.entries = {text_entry("1\n"), text_entry("2\n")};
  archive_part before;
  before.path = "b";
  before.entries = {text_entry("1\n"), some_record()};
  archive_part behind;
  behind.path = "c";
  behind.entries = {some_record(), text_entry("2\n")};
  auto read = read_segment(segment_of({{only, before, behind}})).parts;
  sort_by_path(read);
  CHECK(read == expected({only, before, behind}));
}

TEST_CASE("an archive begins with the first of its records, whatever lines are before it") {
  archive_part other;
  other.path = "a";
  other.entries = {some_record()};
  archive_part part;
  part.path = "b";
  part.goes_on = true;
  part.entries = {text_entry("\n"), text_entry(" \r\n"),     text_entry("no json\n"),
                  some_record(),    text_entry("no json\n"), some_record()};
  const auto records = read_records(segment_of({{other}, {part}}));
  REQUIRE(records.size() == 5);
  CHECK(records[0].begins);
  CHECK(records[1].fault);
  CHECK(records[2].begins);
  CHECK(records[2].goes_on);
  CHECK(records[3].fault);
  CHECK_FALSE(records[4].fault);
  CHECK_FALSE(records[4].begins);
  CHECK_FALSE(records[4].goes_on);
}

TEST_CASE("a record_reader parses lines that are kept as text, and tells what is wrong with them") {
  archive_part part;
  part.path = "x";
  const std::string metadata =
      "{\"Timestamp\":\"0001-01-01T00:00:00Z\",\"Metadata\":{\"UUID\":\"u\",\"Sequence\":3,"
      "\"StartTime\":\"2019-04-01T03:42:37.371-04:00\",\"Kernel\":\"6.1.0\",\"Unknown\":[1]}}\n";
  std::string old = some_record().line();
  old.replace(old.find("00Z\""), 4, "00-04:00\"");
  part.entries = {text_entry(metadata),    text_entry(old),  text_entry(old.substr(0, 50)),
                  text_entry("no json\n"), text_entry("\n"), some_record()};
  tcpinfo::record_reader reader;
  const std::string segment = segment_of({{part}});
  REQUIRE_FALSE(reader.open_memory(bytes_of(segment)));
  const std::vector<read_record> read = drain(reader);
  CHECK(reader.is_segment());
  std::vector<std::string> good;
  std::vector<std::string> bad;
  for (const read_record& r : read) (r.fault ? bad : good).push_back(r.line);
  CHECK(good == std::vector<std::string>{metadata, old, some_record().line()});
  REQUIRE(bad.size() == 2);
  CHECK(bad[0] == old.substr(0, 50));
  CHECK(bad[1] == "no json");
  CHECK(read.front().is_metadata);
  CHECK(read.front().begins);
}
