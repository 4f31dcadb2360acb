// SPDX-License-Identifier: Apache-2.0
//
// Readers over files, descriptors, memory and streams, and record_reader over archives and segments
// alike.
#include <fcntl.h>
#include <tcpinfo/segment.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "unit/catch.h"
#include "unit/made_socket.h"
#include "unit/segment/segment_files.h"

namespace {

using namespace segment_files;
using tcpinfo::record_reader;
using tcpinfo::segment_reader;

class temporary_file {
 public:
  explicit temporary_file(std::string_view content) : fd_(mkstemp(name_.data())) {
    REQUIRE(fd_ >= 0);
    REQUIRE(::write(fd_, content.data(), content.size()) == static_cast<ssize_t>(content.size()));
    REQUIRE(::lseek(fd_, 0, SEEK_SET) == 0);
  }
  ~temporary_file() {
    ::close(fd_);
    ::unlink(name_.c_str());
  }
  temporary_file(const temporary_file&) = delete;
  temporary_file& operator=(const temporary_file&) = delete;
  [[nodiscard]] int fd() const { return fd_; }
  [[nodiscard]] const std::string& name() const { return name_; }

 private:
  std::string name_ = "/tmp/tcpinfo_segment_test_XXXXXX";
  int fd_;
};

archive_part numbered_part(std::uint64_t cookie, bool told = true) {
  archive_part part;
  part.path = "2026/01/31/host_1769000000_unsafe_000000000000000" + std::to_string(cookie) +
              ".00000.jsonl.zst";
  if (told) {
    part.about.emplace();
    part.about->uuid = "host_1769000000_unsafe_000000000000000" + std::to_string(cookie);
  }
  for (unsigned i = 0; i < 3; ++i) {
    made_socket s;
    s.cookie = cookie;
    s.set(100, i);
    tcpinfo::record_extras extras;
    extras.poll = i;
    part.entries.push_back(record_entry(at_ns(i), s.view(), extras));
  }
  return part;
}

// An archive as a file of its own.
std::string archive_text(const archive_part& part) {
  std::string text;
  if (part.about) text += line_of(part.about->view());
  for (const entry& e : part.entries) text += e.line();
  return text;
}

std::vector<std::string> lines_of(const std::vector<read_record>& records) {
  std::vector<std::string> lines;
  for (const read_record& r : records) lines.push_back(r.line);
  return lines;
}

using bytes = std::vector<std::byte>;

template <class Reader, class Bytes>
concept reads_memory = requires(Reader& r, Bytes&& b) {
  r.open_memory(std::forward<Bytes>(b));
};
template <class Reader>
concept names_archive = requires(Reader&& r) {
  std::forward<Reader>(r).archive();
};
template <class Reader>
concept shows_line = requires(Reader&& r) {
  std::forward<Reader>(r).line();
  std::forward<Reader>(r).path();
  std::forward<Reader>(r).items();
};

// Hands over some bytes at a time.
struct handed {
  std::string_view left;
  std::size_t piece = 7;
  segment_reader* reader = nullptr;
  std::error_code from_within;
};

std::error_code hand_over(void* user, std::span<std::byte> out, std::size_t& n) noexcept {
  handed& h = *static_cast<handed*>(user);
  if (h.reader != nullptr) {
    h.from_within = h.reader->close();
    tcpinfo::segment_record r;
    bool more = false;
    if (!h.from_within) h.from_within = h.reader->next(r, more);
  }
  n = std::min({out.size(), h.piece, h.left.size()});
  std::copy_n(std::as_bytes(std::span(h.left)).begin(), n, out.begin());
  h.left.remove_prefix(n);
  return {};
}

}  // namespace

TEST_CASE("a segment is read by path, descriptor, memory and stream") {
  const archive_part parts[] = {numbered_part(1), numbered_part(2, false)};
  const std::string bytes = segment_of({{parts[0]}, {parts[1]}});
  const auto wanted = expected({parts[0], parts[1]});
  const temporary_file file(bytes);
  segment_reader reader;
  REQUIRE_FALSE(reader.open_path(file.name()));
  CHECK(drain(reader).parts == wanted);
  CHECK(reader.compressed_offset() == bytes.size());
  CHECK(reader.is_zstd());
  REQUIRE_FALSE(reader.open_fd(file.fd()));
  CHECK(drain(reader).parts == wanted);
  // From where it stands: the second block.
  blocks made;
  made.put(parts[0]);
  made.flush();
  REQUIRE(::lseek(file.fd(), static_cast<off_t>(made.frames[0].size()), SEEK_SET) > 0);
  REQUIRE_FALSE(reader.open_fd(file.fd()));
  CHECK(drain(reader).parts == expected({parts[1]}));
  REQUIRE_FALSE(reader.open_memory(bytes_of(bytes)));
  CHECK(drain(reader).parts == wanted);
  for (const std::size_t piece : {std::size_t{1}, std::size_t{7}, std::size_t{4096}}) {
    handed input{bytes, piece, nullptr, {}};
    tcpinfo::stream_reader stream;
    REQUIRE_FALSE(stream.open_callback(hand_over, &input));
    REQUIRE_FALSE(reader.open_stream(stream, {}));
    CHECK(drain(reader).parts == wanted);
  }
}

TEST_CASE("a stream of which the beginning was looked at is read on") {
  const archive_part parts[] = {numbered_part(1), numbered_part(2, false)};
  const std::string bytes = segment_of({{parts[0]}, {parts[1]}});
  const auto wanted = expected({parts[0], parts[1]});
  const std::string content = content_of(bytes);
  const auto records = read_records(bytes);
  for (const std::size_t size :
       {std::size_t{0}, std::size_t{1}, std::size_t{7}, std::size_t{8}, std::size_t{9},
        std::size_t{50}, content.size() - 1, content.size()}) {
    INFO(size);
    for (int i = 0; i < 2; ++i) {
      tcpinfo::stream_reader stream;
      REQUIRE_FALSE(stream.open_memory(bytes_of(bytes)));
      std::string begun(size, '\0');
      std::size_t have = 0;
      while (have < size) {
        std::size_t n = 0;
        REQUIRE_FALSE(stream.read(std::as_writable_bytes(std::span(begun)).subspan(have), n));
        REQUIRE(n > 0);
        have += n;
      }
      if (i == 0) {
        segment_reader reader;
        REQUIRE_FALSE(reader.open_stream(stream, bytes_of(begun)));
        begun.assign(size, 'x');  // It was copied.
        CHECK(drain(reader).parts == wanted);
      } else {
        record_reader reader;
        REQUIRE_FALSE(reader.open_stream(stream, bytes_of(begun)));
        begun.assign(size, 'x');
        CHECK(drain(reader) == records);
        CHECK(reader.is_segment());
      }
    }
  }
}

TEST_CASE("a line that is too long and ends where a segment begins is told") {
  const std::string bytes = content_of(segment_of({{numbered_part(1)}}));
  tcpinfo::archive_reader_options options;
  options.max_line = 1000;
  for (const std::size_t size : {std::size_t{1} << 17U, (std::size_t{1} << 17U) + 7}) {
    const std::string all = std::string(size, 'x') + bytes;
    record_reader reader;
    REQUIRE_FALSE(reader.open_memory(bytes_of(all), options));
    tcpinfo::record r;
    bool more = false;
    CHECK(reader.next(r, more) == errc::line_too_long);
    CHECK(more);
    CHECK(drain(reader) == read_records(bytes));
    CHECK(reader.is_segment());
  }
}

TEST_CASE("what cannot be opened says so, and a reader can be opened again") {
  segment_reader reader;
  record_reader records;
  for (int i = 0; i < 2; ++i) {
    CHECK(reader.open_path("/nowhere/at all") == std::errc::no_such_file_or_directory);
    CHECK(reader.open_path(std::string_view("a\0b", 3)) == errc::invalid_argument);
    CHECK(records.open_path("/nowhere/at all") == std::errc::no_such_file_or_directory);
    CHECK(records.open_path(std::string_view("a\0b", 3)) == errc::invalid_argument);
    tcpinfo::segment_record r;
    bool more = true;
    // A directory opens, and cannot be read.
    if (!reader.open_path("/")) {
      CHECK(reader.next(r, more) == std::errc::is_a_directory);
      if (more) {
        CHECK_FALSE(reader.next(r, more));
        CHECK_FALSE(more);
      }
    }
    const archive_part part = numbered_part(1);
    const std::string bytes = segment_of({{part}});
    REQUIRE_FALSE(reader.open_memory(bytes_of(bytes)));
    // In the middle of one, another one.
    CHECK_FALSE(reader.next(r, more));
    const std::string other = segment_of({{numbered_part(2)}});
    REQUIRE_FALSE(reader.open_memory(bytes_of(other)));
    CHECK(reader.record_number() == 0);
    CHECK(reader.archive().path.empty());
    CHECK(drain(reader).parts == expected({numbered_part(2)}));
    REQUIRE_FALSE(records.open_memory(bytes_of(bytes)));
    CHECK(drain(records).size() == 4);
  }
}

TEST_CASE("what is told of an archive stays until another block is read") {
  const archive_part part = numbered_part(1);
  // Much that is no block is behind it, so that the reader's memory is used again.
  const std::string bytes = segment_of({{part}}) + frame_of(std::string(5'000'000, 'x'));
  segment_reader reader;
  REQUIRE_FALSE(reader.open_memory(bytes_of(bytes)));
  tcpinfo::segment_record r;
  bool more = false;
  for (int i = 0; i < 3; ++i) REQUIRE_FALSE(reader.next(r, more));
  CHECK(reader.next(r, more) == errc::bad_block);
  CHECK_FALSE(reader.next(r, more));
  CHECK_FALSE(more);
  CHECK(reader.archive().path == part.path);
  REQUIRE(reader.archive().about != nullptr);
  CHECK(line_of(*reader.archive().about) == line_of(part.about->view()));
}

TEST_CASE("a reader is busy in the function that its stream reads by") {
  const std::string bytes = segment_of({{numbered_part(1)}});
  segment_reader reader;
  handed input{bytes, 100, nullptr, {}};
  tcpinfo::stream_reader stream;
  REQUIRE_FALSE(stream.open_callback(hand_over, &input));
  REQUIRE_FALSE(reader.open_stream(stream, {}));
  input.reader = &reader;
  tcpinfo::segment_record r;
  bool more = false;
  CHECK_FALSE(reader.next(r, more));
  CHECK(more);
  CHECK(input.from_within == errc::busy);
  input.reader = nullptr;
  std::size_t records = 1;
  while (!reader.next(r, more) && more) ++records;
  CHECK(records == 3);
}

TEST_CASE("a window above the limit and a dictionary are told") {
  // 2 MiB that do not compress below what the window asks for.
  std::string large(std::size_t{3} << 20, '\0');
  for (std::size_t i = 0; i < large.size(); ++i) large[i] = static_cast<char>(i * i >> 7);
  const std::string bytes = frame_of(large, 19) + segment_of({{numbered_part(1)}});
  segment_reader reader;
  tcpinfo::segment_reader_options options;
  options.max_window_log = 10;
  REQUIRE_FALSE(reader.open_memory(bytes_of(bytes), options));
  tcpinfo::segment_record r;
  bool more = false;
  CHECK(reader.next(r, more) == errc::window_too_large);
  CHECK(more);
  CHECK(reader.window_needed() > 1024);
  // Blocks are read in any window: they are held as a whole.
  CHECK_FALSE(reader.next(r, more));
  CHECK(more);
  // A frame that names dictionary 0x01020304 and holds one block of three bytes as they are.
  const std::string needs("\x28\xb5\x2f\xfd\x23\x04\x03\x02\x01\x03\x19\x00\x00xyz", 16);
  const std::string with_dictionary = needs + segment_of({{numbered_part(1)}});
  REQUIRE_FALSE(reader.open_memory(bytes_of(with_dictionary)));
  CHECK(reader.next(r, more) == errc::dictionary_needed);
  CHECK(reader.dictionary_needed() == 0x01020304);
  CHECK_FALSE(reader.next(r, more));
  CHECK(more);
}

TEST_CASE("no view is made of what ends with the call") {
  static_assert(reads_memory<segment_reader, bytes_view>);
  static_assert(reads_memory<segment_reader, bytes&>);
  static_assert(!reads_memory<segment_reader, bytes>);
  static_assert(reads_memory<record_reader, bytes&>);
  static_assert(!reads_memory<record_reader, bytes>);
  static_assert(names_archive<segment_reader&>);
  static_assert(!names_archive<segment_reader>);
  static_assert(shows_line<record_reader&>);
  static_assert(!shows_line<record_reader>);
}

TEST_CASE("a record_reader gives of a segment what it gives of its archives") {
  const archive_part parts[] = {numbered_part(1), numbered_part(2), numbered_part(3)};
  std::vector<std::string> of_archives;
  record_reader reader;
  for (const archive_part& part : parts) {
    const std::string text = archive_text(part);
    for (const std::string& bytes : {text, frame_of(text)}) {
      REQUIRE_FALSE(reader.open_memory(bytes_of(bytes)));
      const std::vector<read_record> records = drain(reader);
      CHECK_FALSE(reader.is_segment());
      CHECK(reader.path().empty());
      CHECK(reader.line_number() == 4);
      CHECK(reader.missing_records() == 0);
      CHECK(reader.is_zstd() == (bytes != text));
      CHECK(reader.compressed_offset() == bytes.size());
      for (const read_record& r : records) CHECK_FALSE((r.begins || r.goes_on || r.fault));
      if (bytes == text)
        for (const std::string& line : lines_of(records)) of_archives.push_back(line);
    }
  }
  const std::string bytes = segment_of({{parts[0], parts[1], parts[2]}});
  REQUIRE_FALSE(reader.open_memory(bytes_of(bytes)));
  const std::vector<read_record> records = drain(reader);
  CHECK(reader.is_segment());
  CHECK(reader.is_zstd());
  CHECK(lines_of(records) == of_archives);
  CHECK(reader.compressed_offset() == bytes.size());
  for (std::size_t i = 0; i < records.size(); ++i) {
    CHECK(records[i].begins == (i % 4 == 0));
    CHECK(records[i].is_metadata == (i % 4 == 0));
    CHECK(records[i].path == parts[i / 4].path);
    CHECK_FALSE(records[i].goes_on);
  }
}

TEST_CASE("a record_reader hands on what a segment holds without copying it") {
  const archive_part parts[] = {numbered_part(1), numbered_part(2, false)};
  const auto check = [](const std::string& bytes, bool in_segment) {
    record_reader copying;
    record_reader handing;
    REQUIRE_FALSE(copying.open_memory(bytes_of(bytes)));
    REQUIRE_FALSE(handing.open_memory(bytes_of(bytes)));
    std::size_t as_they_are = 0;
    for (;;) {
      tcpinfo::record copied;
      tcpinfo::record out;
      tcpinfo::segment_record as_is;
      bool more = false;
      bool other_more = false;
      REQUIRE_FALSE(copying.next(copied, more));
      REQUIRE_FALSE(handing.next(out, as_is, other_more));
      REQUIRE(more == other_more);
      if (!more) break;
      CHECK(handing.line_number() == copying.line_number());
      CHECK(handing.begins_archive() == copying.begins_archive());
      CHECK(handing.path() == copying.path());
      if (as_is.m.bytes.empty()) {
        CHECK(line_of(out) == line_of(copied));
        continue;
      }
      ++as_they_are;
      CHECK_FALSE(out.has_idm());
      CHECK_FALSE(out.has_metadata());
      REQUIRE_FALSE(out.assign(as_is.time, as_is.m, extras_of(as_is)));
      CHECK(line_of(out) == line_of(copied));
    }
    CHECK(as_they_are == (in_segment ? 6 : 0));
  };
  check(segment_of({{parts[0], parts[1]}}), true);
  check(archive_text(parts[0]), false);

  record_reader reader;
  const std::string bytes = segment_of({{parts[0]}});
  REQUIRE_FALSE(reader.open_memory(bytes_of(bytes)));
  tcpinfo::record out;
  tcpinfo::segment_record as_is;
  as_is.size = 4;
  bool more = false;
  CHECK(reader.next(out, as_is, more) == tcpinfo::errc::invalid_argument);
  // Of a caller that knows less of it no more is filled.
  as_is = {};
  as_is.size = offsetof(tcpinfo::segment_record, m);
  REQUIRE_FALSE(reader.next(out, as_is, more));
  REQUIRE_FALSE(reader.next(out, as_is, more));
  CHECK(as_is.m.bytes.empty());
  CHECK(as_is.time == parts[0].entries[0].time);
}

TEST_CASE("an archive without a first line begins with its first record") {
  const auto records = read_records(segment_of({{numbered_part(1, false), numbered_part(2)}}));
  REQUIRE(records.size() == 7);
  std::size_t begins = 0;
  std::size_t metadata = 0;
  for (const read_record& r : records) {
    begins += r.begins ? 1 : 0;
    metadata += r.is_metadata ? 1 : 0;
  }
  CHECK(begins == 2);
  CHECK(metadata == 1);
}

TEST_CASE("what a record has is there without its line") {
  archive_part part = numbered_part(1);
  part.about->byte_order = "big";
  part.entries.resize(1);
  part.entries[0].extras.ended = at_ns(9);
  part.entries[0].extras.carried = tcpinfo::ends_bit;
  const std::string bytes = segment_of({{part}});
  record_reader reader;
  REQUIRE_FALSE(reader.open_memory(bytes_of(bytes)));
  tcpinfo::record r;
  bool more = false;
  CHECK(reader.line_number() == 0);
  REQUIRE_FALSE(reader.next(r, more));
  REQUIRE(r.about());
  CHECK(r.about()->uuid == part.about->uuid);
  CHECK_FALSE(r.has_idm());
  CHECK(reader.big_endian());
  CHECK(reader.line().empty());
  REQUIRE_FALSE(reader.next(r, more));
  CHECK_FALSE(r.has_metadata());
  tcpinfo::record parsed;
  REQUIRE_FALSE(parsed.parse(part.entries[0].line()));
  CHECK(r.time() == parsed.time());
  CHECK(r.poll() == parsed.poll());
  CHECK(r.ended() == parsed.ended());
  CHECK(r.carried() == parsed.carried());
  CHECK(text_of(r.view().bytes) == text_of(parsed.view().bytes));
  CHECK(r.attribute_count() == parsed.attribute_count());
  for (std::size_t type = 0; type < parsed.attribute_count(); ++type) {
    bytes_view a;
    bytes_view b;
    CHECK(r.attribute(type, a) == parsed.attribute(type, b));
    CHECK(text_of(a) == text_of(b));
  }
  CHECK(reader.line_number() == 1);
  // The next one in the same record, of another kind.
  CHECK_FALSE(reader.next(r, more));
  CHECK_FALSE(more);
}

TEST_CASE("records are read in a loop, faults among them") {
  blocks made;
  made.put(numbered_part(1));
  made.flush();
  made.put(numbered_part(2));
  made.flush();
  const std::string bytes = made.frames[0].substr(0, made.frames[0].size() / 2) + made.frames[1];
  record_reader reader;
  REQUIRE_FALSE(reader.open_memory(bytes_of(bytes)));
  std::size_t records = 0;
  std::size_t faults = 0;
  for (const auto& item : reader.items())
    if (item)
      ++records;
    else
      ++faults;
  CHECK(records == 4);
  CHECK(faults == 1);
  CHECK(reader.missing_records() == 3);
}

TEST_CASE("a segment behind archives is read, archives behind a segment are a fault") {
  const std::string segment = segment_of({{numbered_part(1)}});
  const std::string text = archive_text(numbered_part(2));
  std::size_t faults = 0;
  std::size_t records = 0;
  for (const std::string& archive : {text, frame_of(text)}) {
    for (const read_record& r : read_records(frame_of(text) + segment + frame_of(archive)))
      (r.fault ? faults : records) += 1;
    CHECK(records == 8);
    CHECK(faults == 1);
    faults = records = 0;
  }
  // What is before the first block is nothing to a segment_reader.
  const read_result read = read_segment(frame_of(text) + segment);
  CHECK(read.records == 3);
  CHECK(read.faults.size() == 1);
}

TEST_CASE("what is neither is read as an archive, fault by fault") {
  record_reader reader;
  for (const std::string& bytes : {std::string("x"), std::string("neither of them\n"),
                                   std::string("\x89TCPSE"), std::string(7, '\0')}) {
    REQUIRE_FALSE(reader.open_memory(bytes_of(bytes)));
    const auto records = drain(reader);
    CHECK(records.size() == 1);
    CHECK_FALSE(reader.is_segment());
  }
  REQUIRE_FALSE(reader.open_memory({}));
  CHECK(drain(reader).empty());
}

TEST_CASE("lines that are no records are told as an archive_reader tells them") {
  archive_part part = numbered_part(1);
  const std::vector<entry> good = part.entries;
  const auto put = [&](const std::vector<std::string>& lines) {
    for (const std::string& line : lines) part.entries.push_back(text_entry(line));
    part.entries.insert(part.entries.end(), good.begin(), good.end());
  };
  const std::string zeros(40, '\0');
  put({"{\"no\": \"record\"}\n", "{\"none\": 1}\n"});
  put({"garbage\n", zeros + '\n', "\n", "{\"Timestamp\":\n", "more\n"});
  put({zeros + '\n', "{\"none\": 1}\n"});
  put({"{\"none\": 1}\n", "garbage\n", "garbage\n"});
  const auto told = [](auto& reader, std::string_view bytes) {
    REQUIRE_FALSE(reader.open_memory(bytes_of(bytes)));
    std::vector<std::string> all;
    tcpinfo::record r;
    for (bool more = true;;) {
      const std::error_code fault = reader.next(r, more);
      if (!more) return all;
      all.push_back(fault ? fault.message() + ": " + std::string(reader.line()) : line_of(r));
    }
  };
  tcpinfo::archive_reader of_archive;
  record_reader of_segment;
  const std::vector<std::string> wanted = told(of_archive, archive_text(part));
  CHECK(told(of_segment, segment_of({{part}})) == wanted);
  // Metadata, 5 times the records, and 2, 1, 1 and 2 faults.
  CHECK(wanted.size() == 1 + 5 * good.size() + 6);
}
