// SPDX-License-Identifier: Apache-2.0
//
// Summaries and columns of segments through the interface for C: what segment_reader reads.
#include <tcpinfo/c.h>
#include <tcpinfo/segment.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "unit/catch.h"
#include "unit/made_socket.h"
#include "unit/segment/segment_files.h"

using namespace tcpinfo;
using namespace segment_files;

namespace {

constexpr segment_column wanted_columns[] = {
    {segment_head, 44, 8}, {2, 8, 4}, {2, 240, 8}, {4, 0, 1}};

/// Two archives in one block, the second without a congestion control; and the first goes on.
std::string some_segment() {
  archive_part parts[2];
  for (unsigned i = 0; i < 2; ++i) {
    archive_part& part = parts[i];
    part.path = "archive " + std::to_string(i);
    if (i == 0) {
      part.about.emplace();
      part.about->uuid = "host_1";
      part.about->kernel = "6.18.1";
    }
    for (unsigned k = 0; k < 5; ++k) {
      made_socket s;
      s.cookie = i + 7;
      s.has_cong = i == 0;
      s.info.resize(240 + 8 * i);
      s.set(8, k * 77 + i);
      record_extras extras;
      if (k != 3) extras.poll = k;
      part.entries.push_back(record_entry(at_ns(k * 10'000'000 + i), s.view(), extras));
    }
    if (i == 1) part.entries.push_back(text_entry("a line\n"));
  }
  archive_part on = parts[0];
  on.goes_on = true;
  return segment_of({{parts[0], parts[1]}, {on}});
}

/// And one of summaries.
std::string some_summaries() {
  segment_writer writer;
  REQUIRE_FALSE(writer.create({}));
  metadata about;
  about.uuid = "host_1";
  const summary_value values[] = {{0, 0, 5}, {64, 0, std::uint64_t{0} - 3}};
  const summary_bucket rtts[] = {{98, 100, 2}, {110, 110, 1}};
  segment_archive archive;
  archive.path = "archive 0";
  archive.about = &about;
  REQUIRE_FALSE(
      writer.add_summary(archive, {.values = values, .rtts = rtts, .congestion_control = "cubic"}));
  archive.path = {};
  archive.about = nullptr;
  archive.goes_on = 1;
  REQUIRE_FALSE(writer.add_summary(archive, {.values = std::span(values).first(1)}));
  bytes_view frame;
  REQUIRE_FALSE(writer.flush_summaries(frame));
  return text_of(frame);
}

struct opened_segment {
  tcpinfo_segment* handle = nullptr;
  /// `bytes` must outlive it.
  explicit opened_segment(const std::string& bytes) {
    REQUIRE(tcpinfo_segment_open_memory(&handle, bytes.data(), bytes.size(), nullptr) == 0);
  }
  explicit opened_segment(std::string&&) = delete;
  ~opened_segment() { tcpinfo_segment_close(handle); }
  opened_segment(const opened_segment&) = delete;
  opened_segment& operator=(const opened_segment&) = delete;

  [[nodiscard]] std::string archive() const {
    const char* const name = tcpinfo_segment_archive(handle);
    return name == nullptr ? "(none)" : name;
  }
  [[nodiscard]] std::string uuid() const {
    tcpinfo_metadata about;
    TCPINFO_INIT(about);
    const int result = tcpinfo_segment_metadata(handle, &about);
    REQUIRE(result >= 0);
    return result == 0 ? "(none)" : about.uuid;
  }
  void want() const {
    std::vector<tcpinfo_segment_column> wanted;
    for (const segment_column& c : wanted_columns)
      wanted.push_back({c.attribute, c.offset, c.width});
    REQUIRE(tcpinfo_segment_want_columns(handle, wanted.data(), wanted.size()) == 0);
  }
};

void check_same(const tcpinfo_segment_columns& c, const segment_columns& read) {
  REQUIRE(c.rows == read.moments.size());
  for (std::size_t i = 0; i < c.rows; ++i) {
    CHECK(c.times_ns[i] == read.moments[i].time_ns);
    CHECK(c.polls[i] == read.moments[i].poll);
  }
  REQUIRE(c.column_count * c.rows == read.values.size());
  REQUIRE((c.values == nullptr) == read.values.empty());
  for (std::size_t i = 0; i < read.values.size(); ++i) CHECK(c.values[i] == read.values[i]);
  REQUIRE((c.present == nullptr) == read.present.empty());
  for (std::size_t i = 0; i < read.present.size(); ++i) CHECK(c.present[i] == read.present[i]);
  CHECK(c.lines == read.lines);
}

}  // namespace

TEST_CASE("C: columns of a segment are those of segment_reader") {
  const std::string bytes = some_segment();
  const opened_segment held(bytes);
  segment_reader reader;
  REQUIRE_FALSE(reader.open_memory(bytes_of(bytes)));
  const bool wants = GENERATE(true, false);
  if (wants) {
    held.want();
    REQUIRE_FALSE(reader.want_columns(wanted_columns));
  }
  CHECK(held.archive() == "(none)");
  CHECK(held.uuid() == "(none)");
  tcpinfo_segment_columns c;
  std::size_t archives = 0;
  std::size_t absent = 0;
  for (;; ++archives) {
    TCPINFO_INIT(c);
    segment_columns read;
    bool more = false;
    REQUIRE_FALSE(reader.next_columns(read, more));
    REQUIRE(tcpinfo_segment_next_columns(held.handle, &c) == (more ? 1 : 0));
    if (!more) break;
    check_same(c, read);
    for (std::size_t i = 0; c.present != nullptr && i < read.present.size(); ++i)
      absent += c.present[i] == 0 ? 1 : 0;
    const bool is_first = held.archive() == "archive 0";
    CHECK((is_first || held.archive() == "archive 1"));
    CHECK(held.uuid() == (is_first ? "host_1" : "(none)"));
    CHECK(c.goes_on == (archives == 2 ? 1 : 0));
    CHECK(tcpinfo_segment_records(held.handle) == reader.record_number());
  }
  CHECK(archives == 3);
  CHECK((absent > 0) == wants);
  // Of none, at the end.
  CHECK(held.archive() == "(none)");
  CHECK(held.uuid() == "(none)");
  CHECK(tcpinfo_segment_missing(held.handle) == 0);
}

TEST_CASE("C: summaries of a segment are read, and its records passed over") {
  const std::string bytes = some_segment() + some_summaries();
  const opened_segment held(bytes);
  tcpinfo_summary s;
  TCPINFO_INIT(s);
  REQUIRE(tcpinfo_segment_next_summary(held.handle, &s) == 1);
  CHECK(held.archive() == "archive 0");
  CHECK(held.uuid() == "host_1");
  REQUIRE(s.value_count == 2);
  CHECK(s.values[0].field == 0);
  CHECK(s.values[0].value == 5);
  CHECK(s.values[1].field == 64);
  CHECK(static_cast<std::int64_t>(s.values[1].value) == -3);
  REQUIRE(s.rtt_count == 2);
  CHECK(s.rtts[0].lowest == 98);
  CHECK(s.rtts[0].highest == 100);
  CHECK(s.rtts[0].count == 2);
  CHECK(s.rtts[1].lowest == 110);
  CHECK(std::string(s.congestion_control) == "cubic");
  CHECK(s.goes_on == 0);
  CHECK(tcpinfo_segment_records(held.handle) == 16);
  REQUIRE(tcpinfo_segment_next_summary(held.handle, &s) == 1);
  CHECK(held.archive() == "(none)");
  CHECK(held.uuid() == "(none)");
  CHECK(s.value_count == 1);
  CHECK(s.rtts == nullptr);
  CHECK(s.rtt_count == 0);
  CHECK(s.congestion_control == nullptr);
  CHECK(s.goes_on == 1);
  // One of the two, not both.
  tcpinfo_segment_columns c;
  TCPINFO_INIT(c);
  CHECK(tcpinfo_segment_next_columns(held.handle, &c) == TCPINFO_E_INVALID_ARGUMENT);
  CHECK(tcpinfo_segment_next_summary(held.handle, &s) == 0);
}

TEST_CASE("C: a damaged block of a segment costs its columns, and is told once") {
  std::string bytes = some_segment();
  bytes[100] = static_cast<char>(bytes[100] ^ 0x40);
  const opened_segment held(bytes);
  tcpinfo_segment_columns c;
  TCPINFO_INIT(c);
  CHECK(tcpinfo_segment_next_columns(held.handle, &c) < 0);
  CHECK(held.archive() == "(none)");
  CHECK(held.uuid() == "(none)");
  REQUIRE(tcpinfo_segment_next_columns(held.handle, &c) == 1);
  CHECK(held.archive() == "archive 0");
  CHECK(c.rows == 5);
  CHECK(c.goes_on == 1);
  CHECK(tcpinfo_segment_next_columns(held.handle, &c) == 0);
  CHECK(tcpinfo_segment_missing(held.handle) == 11);
}

TEST_CASE("C: what reads summaries and columns refuses what it cannot take") {
  tcpinfo_segment* handle = nullptr;
  CHECK(tcpinfo_segment_open_path(&handle, "/nowhere/at all", nullptr) == -ENOENT);
  CHECK(tcpinfo_segment_open_path(&handle, nullptr, nullptr) == TCPINFO_E_INVALID_ARGUMENT);
  CHECK(tcpinfo_segment_open_path(nullptr, "/dev/null", nullptr) == TCPINFO_E_INVALID_ARGUMENT);
  CHECK(tcpinfo_segment_open_fd(&handle, -1, nullptr) == TCPINFO_E_INVALID_ARGUMENT);
  CHECK(tcpinfo_segment_open_memory(&handle, nullptr, 1, nullptr) == TCPINFO_E_INVALID_ARGUMENT);
  tcpinfo_reader_options options;
  TCPINFO_INIT(options);
  options.max_window_log = 99;
  CHECK(tcpinfo_segment_open_memory(&handle, "", 0, &options) == TCPINFO_E_INVALID_ARGUMENT);
  CHECK(handle == nullptr);
  tcpinfo_segment_close(nullptr);

  tcpinfo_summary s;
  TCPINFO_INIT(s);
  tcpinfo_segment_columns c;
  TCPINFO_INIT(c);
  tcpinfo_metadata about;
  TCPINFO_INIT(about);
  CHECK(tcpinfo_segment_next_summary(nullptr, &s) == TCPINFO_E_INVALID_ARGUMENT);
  CHECK(tcpinfo_segment_next_columns(nullptr, &c) == TCPINFO_E_INVALID_ARGUMENT);
  CHECK(tcpinfo_segment_want_columns(nullptr, nullptr, 0) == TCPINFO_E_INVALID_ARGUMENT);
  CHECK(tcpinfo_segment_metadata(nullptr, &about) == TCPINFO_E_INVALID_ARGUMENT);
  CHECK(tcpinfo_segment_archive(nullptr) == nullptr);
  CHECK(tcpinfo_segment_records(nullptr) == 0);
  CHECK(tcpinfo_segment_missing(nullptr) == 0);

  // No segment: a fault, and then the end.
  const std::string none = "{\"no\":\"segment\"}\n";
  const opened_segment held(none);
  const tcpinfo_segment_column too_wide = {2, 0, 3};
  CHECK(tcpinfo_segment_want_columns(held.handle, &too_wide, 1) == TCPINFO_E_INVALID_ARGUMENT);
  CHECK(tcpinfo_segment_want_columns(held.handle, nullptr, 1) == TCPINFO_E_INVALID_ARGUMENT);
  s.size = 1;
  CHECK(tcpinfo_segment_next_summary(held.handle, &s) == TCPINFO_E_INVALID_ARGUMENT);
  s.size = sizeof s;
  CHECK(tcpinfo_segment_next_summary(held.handle, &s) == TCPINFO_E_BAD_BLOCK);
  CHECK(tcpinfo_segment_next_summary(held.handle, &s) == 0);
}

TEST_CASE("C: a segment is read from a path and from where a descriptor stands") {
  const std::string bytes = some_summaries();
  std::FILE* const file = std::tmpfile();
  REQUIRE(file != nullptr);
  REQUIRE(std::fwrite(bytes.data(), 1, bytes.size(), file) == bytes.size());
  REQUIRE(std::fflush(file) == 0);
  std::rewind(file);
  const std::string path = "/proc/self/fd/" + std::to_string(fileno(file));
  for (const bool by_path : {true, false}) {
    tcpinfo_segment* handle = nullptr;
    REQUIRE((by_path ? tcpinfo_segment_open_path(&handle, path.c_str(), nullptr)
                     : tcpinfo_segment_open_fd(&handle, fileno(file), nullptr)) == 0);
    tcpinfo_summary s;
    TCPINFO_INIT(s);
    CHECK(tcpinfo_segment_next_summary(handle, &s) == 1);
    CHECK(tcpinfo_segment_next_summary(handle, &s) == 1);
    CHECK(tcpinfo_segment_next_summary(handle, &s) == 0);
    tcpinfo_segment_close(handle);
  }
  std::fclose(file);
}
