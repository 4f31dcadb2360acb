// SPDX-License-Identifier: Apache-2.0
//
// What writer and readers refuse, and what they are before and after their use.
#include <tcpinfo/segment.h>

#include <string>
#include <type_traits>
#include <utility>

#include "unit/archive/archive_messages.h"
#include "unit/catch.h"
#include "unit/made_socket.h"
#include "unit/segment/segment_files.h"

namespace {

using namespace segment_files;
using tcpinfo::record_reader;
using tcpinfo::segment_reader;
using tcpinfo::segment_writer;

static_assert(std::is_nothrow_move_constructible_v<segment_writer>);
static_assert(std::is_nothrow_move_assignable_v<segment_writer>);
static_assert(!std::is_copy_constructible_v<segment_writer>);
static_assert(std::is_nothrow_move_constructible_v<segment_reader>);
static_assert(!std::is_copy_constructible_v<segment_reader>);
static_assert(std::is_nothrow_move_constructible_v<record_reader>);
static_assert(!std::is_copy_constructible_v<record_reader>);

entry any_record(std::uint64_t cookie = 1) {
  made_socket s;
  s.cookie = cookie;
  return record_entry(at_ns(0), s.view());
}

archive_part some_part(std::uint64_t cookie = 1) {
  archive_part part;
  part.path = "archive " + std::to_string(cookie);
  part.about.emplace();
  part.entries = {any_record(cookie), any_record(cookie)};
  return part;
}

// A writer that is not open does nothing.
void check_closed(segment_writer& writer) {
  std::uint32_t number = 5;
  const entry e = any_record();
  CHECK(writer.begin({}, number) == errc::not_open);
  CHECK(writer.add(0, e.time, e.view(), e.extras) == errc::not_open);
  CHECK(writer.add_line(0, "x\n") == errc::not_open);
  bytes_view frame = bytes_of("x");
  CHECK(writer.flush(frame) == errc::not_open);
  CHECK(frame.empty());
  frame = bytes_of("x");
  CHECK(writer.finish(frame) == errc::not_open);
  CHECK(frame.empty());
  CHECK(writer.waiting() == 0);
  CHECK(writer.waiting_bytes() == 0);
}

void check_closed(segment_reader& reader) {
  tcpinfo::segment_record r;
  bool more = true;
  CHECK(reader.next(r, more) == errc::not_open);
  CHECK_FALSE(more);
  CHECK(reader.record_number() == 0);
  CHECK(reader.missing_records() == 0);
  CHECK(reader.blocks() == 0);
  CHECK(reader.compressed_offset() == 0);
  CHECK(reader.window_needed() == 0);
  CHECK(reader.dictionary_needed() == 0);
  CHECK_FALSE(reader.is_zstd());
  CHECK(reader.archive().path.empty());
  CHECK(reader.archive().about == nullptr);
  CHECK_FALSE(reader.close());
}

void check_closed(record_reader& reader) {
  tcpinfo::record r;
  bool more = true;
  CHECK(reader.next(r, more) == errc::not_open);
  CHECK_FALSE(more);
  CHECK_FALSE(reader.is_segment());
  CHECK_FALSE(reader.begins_archive());
  CHECK_FALSE(reader.goes_on());
  CHECK(reader.path().empty());
  CHECK(reader.line().empty());
  CHECK(reader.line_number() == 0);
  CHECK(reader.missing_records() == 0);
  CHECK(reader.compressed_offset() == 0);
  CHECK(reader.window_needed() == 0);
  CHECK(reader.dictionary_needed() == 0);
  CHECK_FALSE(reader.is_zstd());
  CHECK_FALSE(reader.big_endian());
  CHECK_FALSE(reader.from_damaged_frame());
  std::size_t faults = 0;
  for (const auto& item : reader.items()) faults += item ? 0 : 1;
  CHECK(faults == 1);
  CHECK_FALSE(reader.close());
}

}  // namespace

TEST_CASE("what was only made is not open") {
  segment_writer writer;
  check_closed(writer);
  segment_reader reader;
  check_closed(reader);
  record_reader records;
  check_closed(records);
}

TEST_CASE("a writer that is moved takes what waits along") {
  blocks made;
  const archive_part part = some_part();
  const std::uint32_t number = made.begin(part);
  made.add(number, part.entries[0]);
  segment_writer taken = std::move(made.writer);
  check_closed(made.writer);
  CHECK(taken.waiting() == 1);
  made.writer = std::move(taken);
  made.add(number, part.entries[1]);
  made.flush();
  made.finish();
  CHECK(read_segment(made.all()).parts == expected({part}));
  // Over another one, which goes.
  blocks other;
  other.put(some_part(2));
  other.writer = segment_writer();
  CHECK_FALSE(other.writer.create({}));
}

TEST_CASE("a reader that is moved reads on") {
  const std::string bytes = segment_of({{some_part(1)}, {some_part(2)}});
  segment_reader reader;
  REQUIRE_FALSE(reader.open_memory(bytes_of(bytes)));
  tcpinfo::segment_record r;
  bool more = false;
  REQUIRE_FALSE(reader.next(r, more));
  CHECK(r.first == 1);
  segment_reader taken = std::move(reader);
  check_closed(reader);
  CHECK(taken.archive().path == "archive 1");
  CHECK(taken.record_number() == 1);
  reader = std::move(taken);
  REQUIRE_FALSE(reader.next(r, more));
  CHECK(r.first == 0);
  REQUIRE_FALSE(reader.next(r, more));
  CHECK(r.first == 1);
  CHECK(reader.archive().path == "archive 2");
  CHECK_FALSE(reader.close());
  check_closed(reader);

  record_reader records;
  REQUIRE_FALSE(records.open_memory(bytes_of(bytes)));
  tcpinfo::record value;
  REQUIRE_FALSE(records.next(value, more));
  record_reader taken_records = std::move(records);
  check_closed(records);
  CHECK(taken_records.path() == "archive 1");
  CHECK(drain(taken_records).size() == 5);
  CHECK_FALSE(taken_records.close());
  check_closed(taken_records);
}

TEST_CASE("options that are none are refused") {
  segment_writer writer;
  tcpinfo::segment_options options;
  for (const std::int32_t level : {0, -1, 23, 1000}) {
    options.level = level;
    CHECK(writer.create(options) == errc::invalid_argument);
  }
  for (const std::uint32_t window : {0U, (1U << 20) - 1, (64U << 20) + 1, ~0U}) {
    options = {};
    options.window = window;
    CHECK(writer.create(options) == errc::invalid_argument);
  }
  options = {};
  options.size = 4;
  CHECK(writer.create(options) == errc::invalid_argument);
  check_closed(writer);
  const std::string bytes = segment_of({{some_part()}});
  segment_reader reader;
  for (const std::int32_t log : {0, 9, 32}) {
    tcpinfo::segment_reader_options read_options;
    read_options.max_window_log = log;
    CHECK(reader.open_memory(bytes_of(bytes), read_options) == errc::invalid_argument);
  }
  tcpinfo::segment_reader_options read_options;
  read_options.reserved = 1;
  CHECK(reader.open_memory(bytes_of(bytes), read_options) == errc::invalid_argument);
  record_reader records;
  tcpinfo::archive_reader_options archive_options;
  archive_options.max_line = 0;
  CHECK(records.open_memory(bytes_of(bytes), archive_options) == errc::invalid_argument);
  archive_options = {};
  archive_options.max_window_log = 9;
  CHECK(records.open_memory(bytes_of(bytes), archive_options) == errc::invalid_argument);
}

TEST_CASE("options of a later version that say nothing new are taken, others refused") {
  struct {
    tcpinfo::segment_options known;
    std::uint64_t later = 0;
  } options;
  options.known.size = sizeof options;
  segment_writer writer;
  CHECK_FALSE(writer.create(options.known));
  options.later = 1;
  CHECK(writer.create(options.known) == errc::invalid_argument);
}

TEST_CASE("a create() that is refused leaves what was there") {
  blocks made;
  made.put(some_part());
  tcpinfo::segment_options options;
  options.level = 0;
  CHECK(made.writer.create(options) == errc::invalid_argument);
  CHECK(made.writer.waiting() == 2);
  made.flush();
  CHECK(read_segment(made.all()).records == 2);
}

TEST_CASE("archives that are none are refused, and nothing is begun") {
  blocks made;
  std::uint32_t number = 77;
  tcpinfo::segment_archive archive;
  const std::string long_path(4097, 'x');
  archive.path = long_path;
  CHECK(made.writer.begin(archive, number) == errc::invalid_argument);
  archive.path = std::string_view("a\0b", 3);
  CHECK(made.writer.begin(archive, number) == errc::invalid_argument);
  archive = {};
  archive.goes_on = 2;
  CHECK(made.writer.begin(archive, number) == errc::invalid_argument);
  archive = {};
  archive.reserved = 1;
  CHECK(made.writer.begin(archive, number) == errc::invalid_argument);
  archive = {};
  archive.size = 3;
  CHECK(made.writer.begin(archive, number) == errc::invalid_argument);
  archive = {};
  tcpinfo::metadata about;
  about.start_time = at_ns(0);
  about.size = 5;
  archive.about = &about;
  CHECK(made.writer.begin(archive, number) == errc::invalid_argument);
  CHECK(made.writer.waiting() == 0);
  made.flush();
  CHECK(made.frames.empty());
  // A text of metadata that no block would hold.
  about = {};
  about.start_time = at_ns(0);
  const std::string huge(std::size_t{2} << 20, 'h');
  about.host = huge;
  CHECK(made.writer.begin(archive, number) == errc::invalid_argument);
  for (std::string_view tcpinfo::metadata::*const key :
       {&tcpinfo::metadata::uuid, &tcpinfo::metadata::kernel, &tcpinfo::metadata::collector,
        &tcpinfo::metadata::interval, &tcpinfo::metadata::run, &tcpinfo::metadata::netns,
        &tcpinfo::metadata::byte_order}) {
    about = {};
    about.start_time = at_ns(0);
    about.*key = std::string_view(huge).substr(0, 4097);
    CHECK(made.writer.begin(archive, number) == errc::invalid_argument);
  }
  about.host = "host";
  about.byte_order = {};
  REQUIRE_FALSE(made.writer.begin(archive, number));
  made.add(number, any_record());
  made.flush();
  CHECK(read_segment(made.all()).records == 1);
}

TEST_CASE("records that are none are refused, and nothing is added") {
  blocks made;
  const std::uint32_t number = made.begin(some_part());
  const entry e = any_record();
  CHECK(made.writer.add(number + 1, e.time, e.view(), e.extras) == errc::invalid_argument);
  CHECK(made.writer.add(~std::uint32_t{0}, e.time, e.view(), e.extras) == errc::invalid_argument);
  CHECK(made.writer.add_line(number + 1, "x\n") == errc::invalid_argument);
  tcpinfo::encode_notes notes;
  CHECK(made.writer.add(number, e.time, {}, e.extras, &notes) == errc::message_too_short);
  CHECK(made.writer.add(number, e.time, {bytes_of(e.message).first(71)}, e.extras, &notes) ==
        errc::message_too_short);
  tcpinfo::record_extras extras;
  extras.size = 2;
  CHECK(made.writer.add(number, e.time, e.view(), extras, &notes) == errc::invalid_argument);
  CHECK(notes.duplicates + notes.secrets + notes.unread_bytes == 0);
  CHECK(made.writer.waiting() == 0);
  made.add(number, e);
  made.flush();
  CHECK(read_segment(made.all()).lines() == std::vector<std::string>{e.line()});
}

TEST_CASE("is_segment tells segments from everything else, and needs eight bytes") {
  blocks made;
  made.put(some_part());
  made.flush();
  const std::string content = content_of(made.all());
  CHECK(tcpinfo::is_segment(bytes_of(content)));
  CHECK(tcpinfo::is_segment(bytes_of(content).first(8)));
  for (std::size_t size = 0; size < 8; ++size)
    CHECK_FALSE(tcpinfo::is_segment(bytes_of(content).first(size)));
  for (const std::string& other :
       {std::string("{\"Timestamp\":\"0001-01-01T00:00:00Z\""), std::string(100, '\0'),
        std::string(100, '\xff'), made.all(), std::string("\n\n\n\n\n\n\n\n")})
    CHECK_FALSE(tcpinfo::is_segment(bytes_of(other)));
}

TEST_CASE("answers are filled as far as the caller's version has them") {
  const std::string bytes = segment_of({{some_part()}});
  segment_reader reader;
  REQUIRE_FALSE(reader.open_memory(bytes_of(bytes)));
  tcpinfo::segment_record r;
  r.size = offsetof(tcpinfo::segment_record, poll);
  r.poll = 4711;
  bool more = false;
  REQUIRE_FALSE(reader.next(r, more));
  CHECK(more);
  CHECK(r.time == at_ns(0));
  CHECK(r.poll == 4711);
}
