// SPDX-License-Identifier: Apache-2.0
//
// Segments through the interface for C: what is read is what the archives in them hold.
#include <tcpinfo/archive.h>
#include <tcpinfo/c.h>
#include <tcpinfo/segment.h>

#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "unit/c/golden_archive.h"
#include "unit/catch.h"

using namespace tcpinfo;

namespace {

constexpr const char* first_path = "2026/11/22/host_1_0000000000000001.00000.jsonl.zst";
constexpr const char* second_path = "2026/11/22/host_1_0000000000000003.00000.jsonl.zst";

/// The records of an archive in a segment: from the one of that number on, so many.
class made_segment {
 public:
  made_segment() { REQUIRE_FALSE(writer_.create({})); }

  void add(const std::string& archive, const char* path, std::size_t from, std::size_t count,
           bool goes_on, bool keeps_metadata = true) {
    archive_reader reader;
    REQUIRE_FALSE(reader.open_memory(std::as_bytes(std::span(archive))));
    record r;
    bool more = false;
    metadata about;
    REQUIRE_FALSE(reader.next(r, more));
    REQUIRE(r.get_metadata(about));
    about.kernel = "6.18.1";
    segment_archive named;
    named.about = keeps_metadata ? &about : nullptr;
    named.path = path;
    named.goes_on = goes_on ? 1 : 0;
    std::uint32_t number = 0;
    REQUIRE_FALSE(writer_.begin(named, number));
    record data;
    for (std::size_t i = 0; i < from + count; ++i) {
      REQUIRE_FALSE(reader.next(data, more));
      REQUIRE(more);
      if (i < from) continue;
      record_extras extras;
      extras.poll = data.poll();
      extras.ended = data.ended();
      extras.carried = data.carried();
      extras.thinned = data.thinned();
      REQUIRE_FALSE(writer_.add(number, data.time(), data.view(), extras));
    }
  }
  void add_line(const char* path, std::string_view line) {
    segment_archive named;
    named.path = path;
    std::uint32_t number = 0;
    REQUIRE_FALSE(writer_.begin(named, number));
    REQUIRE_FALSE(writer_.add_line(number, line));
  }
  /// Where the block that ends here is in the file.
  std::size_t end_block() {
    const std::size_t start = bytes.size();
    bytes_view frame;
    REQUIRE_FALSE(writer_.flush(frame));
    bytes.insert(bytes.end(), frame.begin(), frame.end());
    return start;
  }
  void finish() {
    bytes_view index;
    REQUIRE_FALSE(writer_.finish(index));
    bytes.insert(bytes.end(), index.begin(), index.end());
  }

  std::vector<std::byte> bytes;

 private:
  segment_writer writer_;
};

struct held_segment {
  tcpinfo_reader* handle = nullptr;
  explicit held_segment(const std::vector<std::byte>& bytes) {
    REQUIRE(tcpinfo_reader_open_memory(&handle, bytes.data(), bytes.size(), nullptr) == 0);
  }
  ~held_segment() { tcpinfo_reader_close(handle); }
  held_segment(const held_segment&) = delete;
  held_segment& operator=(const held_segment&) = delete;

  /// The next record. @return the result.
  int next() {
    TCPINFO_INIT(latest);
    return tcpinfo_reader_next(handle, &latest);
  }
  [[nodiscard]] bool has(std::uint32_t flag) const { return (latest.flags & flag) != 0; }
  [[nodiscard]] std::string archive() const {
    const char* const name = tcpinfo_reader_archive(handle);
    return name == nullptr ? "" : name;
  }

  tcpinfo_record latest{};
};

/// Reads records of messages and compares them with those of the archive, from `from` on.
void check_messages(held_segment& held, const std::string& archive, std::size_t from,
                    std::size_t count) {
  archive_reader reader;
  REQUIRE_FALSE(reader.open_memory(std::as_bytes(std::span(archive))));
  record r;
  bool more = false;
  for (std::size_t i = 0; i <= from; ++i) REQUIRE_FALSE(reader.next(r, more));  // metadata first
  for (std::size_t i = 0; i < count; ++i) {
    REQUIRE_FALSE(reader.next(r, more));
    REQUIRE(held.next() == 1);
    REQUIRE(held.latest.metadata == nullptr);
    CHECK_FALSE(held.has(TCPINFO_RECORD_BEGINS_ARCHIVE));
    CHECK_FALSE(held.has(TCPINFO_RECORD_GOES_ON));
    CHECK(held.latest.time.seconds == r.time().seconds);
    CHECK(held.latest.time.nanoseconds == r.time().nanoseconds);
    CHECK(held.has(TCPINFO_RECORD_HAS_POLL) == (r.poll() != no_poll));
    if (r.poll() != no_poll) CHECK(held.latest.poll == r.poll());
    CHECK(held.latest.carried == r.carried());
    const bytes_view bytes = r.view().bytes;
    REQUIRE(held.latest.message.length == bytes.size());
    CHECK(std::memcmp(held.latest.message.bytes, bytes.data(), bytes.size()) == 0);
  }
}

}  // namespace

TEST_CASE("C: a segment gives the records of its archives") {
  const std::string one = golden("kernel618_1.jsonl");
  const std::string other = golden("kernel618_3.jsonl");
  made_segment made;
  made.add(one, first_path, 0, 2, false);
  made.add(other, second_path, 0, 1, false);
  made.end_block();
  made.add(one, first_path, 2, 3, true);
  made.end_block();
  const bool finished = GENERATE(true, false);
  if (finished) made.finish();

  held_segment held(made.bytes);
  CHECK(tcpinfo_reader_archive(held.handle) == nullptr);
  struct part {
    const char* path;
    const std::string& archive;
    std::size_t from;
    std::size_t count;
    bool goes_on;
  };
  // The order of archives within a block is the segment's own.
  std::vector<part> block = {{first_path, one, 0, 2, false}, {second_path, other, 0, 1, false}};
  const auto check_part = [&](const part& p) {
    REQUIRE(held.latest.metadata != nullptr);
    CHECK(held.latest.message.bytes == nullptr);
    CHECK(held.has(TCPINFO_RECORD_BEGINS_ARCHIVE));
    CHECK(held.has(TCPINFO_RECORD_GOES_ON) == p.goes_on);
    const std::string uuid = std::string("\"UUID\":\"") + held.latest.metadata->uuid + '"';
    CHECK(p.archive.find(uuid) < p.archive.find('\n'));
    check_messages(held, p.archive, p.from, p.count);
    CHECK(held.archive() == p.path);
  };
  for (std::size_t i = 0; i < 2; ++i) {
    REQUIRE(held.next() == 1);
    const bool is_first = held.archive() == first_path;
    check_part(block[is_first ? 0 : 1]);
  }
  CHECK(tcpinfo_reader_is_segment(held.handle) == 1);
  REQUIRE(held.next() == 1);
  check_part({first_path, one, 2, 3, true});
  const std::uint64_t last = held.latest.line;
  CHECK(tcpinfo_reader_line(held.handle, nullptr, nullptr) == last);
  CHECK(held.next() == 0);
  CHECK(tcpinfo_reader_missing(held.handle) == 0);
}

TEST_CASE("C: a damaged block of a segment costs its records, which are counted") {
  const std::string one = golden("kernel618_1.jsonl");
  const std::string other = golden("kernel618_3.jsonl");
  made_segment made;
  made.add(one, first_path, 0, 2, false);
  made.end_block();
  made.add(other, second_path, 0, 1, false);
  const std::size_t damaged = made.end_block();
  made.add(one, first_path, 2, 1, true);
  const std::size_t behind = made.end_block();
  made.bytes[(damaged + behind) / 2] ^= std::byte{0x10};
  held_segment held(made.bytes);
  std::size_t messages = 0;
  std::size_t faults = 0;
  for (int result = held.next(); result != 0; result = held.next()) {
    if (result < 0) {
      ++faults;
      continue;
    }
    CHECK(held.archive() == first_path);
    if (held.latest.message.bytes != nullptr) ++messages;
  }
  CHECK(messages == 3);
  CHECK(faults == 1);
  CHECK(tcpinfo_reader_missing(held.handle) == 1);
}

TEST_CASE("C: what one archive of a segment says does not hold for the next") {
  const std::string one = golden("kernel618_1.jsonl");
  made_segment made;
  made.add(one, first_path, 0, 1, false);
  made.end_block();
  made.add(one, second_path, 0, 1, false, false);
  made.end_block();
  held_segment held(made.bytes);
  REQUIRE(held.next() == 1);
  REQUIRE(held.next() == 1);
  CHECK(held.latest.layout != TCPINFO_LAYOUT_UNKNOWN);
  REQUIRE(held.next() == 1);
  CHECK(held.archive() == second_path);
  CHECK(held.latest.metadata == nullptr);
  CHECK(held.has(TCPINFO_RECORD_BEGINS_ARCHIVE));
  CHECK(held.latest.layout == TCPINFO_LAYOUT_UNKNOWN);
  CHECK(held.next() == 0);
}

TEST_CASE("C: a line that a segment keeps as text is read like one of an archive") {
  const std::string one = golden("kernel618_1.jsonl");
  const std::string text = "{\"Timestamp\":\"2026-";
  made_segment made;
  made.add_line(first_path, one.substr(0, one.find('\n') + 1));
  made.add_line(second_path, text);
  made.end_block();
  held_segment held(made.bytes);
  std::vector<int> results;
  for (int result = held.next(); result != 0; result = held.next()) {
    results.push_back(result);
    const char* line = nullptr;
    std::size_t size = 0;
    tcpinfo_reader_line(held.handle, &line, &size);
    if (result == 1) {
      CHECK(held.latest.metadata != nullptr);
      CHECK(std::string_view(line, size) == one.substr(0, one.find('\n')));
    } else {
      CHECK(std::string_view(line, size) == text);
    }
  }
  REQUIRE(results.size() == 2);
  CHECK(((results[0] == 1) != (results[1] == 1)));
}

TEST_CASE("C: an archive is no segment") {
  const std::string one = golden("kernel618_1.jsonl");
  const auto bytes = std::as_bytes(std::span(one));
  held_segment held(std::vector<std::byte>(bytes.begin(), bytes.begin()));
  CHECK(tcpinfo_reader_is_segment(held.handle) == 0);
  CHECK(held.next() == 0);
  const std::vector<std::byte> copy(bytes.begin(), bytes.end());
  held_segment read(copy);
  REQUIRE(read.next() == 1);
  CHECK(tcpinfo_reader_is_segment(read.handle) == 0);
  CHECK(tcpinfo_reader_archive(read.handle) == nullptr);
  CHECK(tcpinfo_reader_missing(read.handle) == 0);
  CHECK_FALSE(read.has(TCPINFO_RECORD_BEGINS_ARCHIVE));
  CHECK(tcpinfo_reader_is_segment(nullptr) == 0);
  CHECK(tcpinfo_reader_archive(nullptr) == nullptr);
  CHECK(tcpinfo_reader_missing(nullptr) == 0);
}
