// SPDX-License-Identifier: Apache-2.0
//
// Archives in any condition.
#include <tcpinfo/archive.h>
#include <tcpinfo/zstd.h>

#include <string>
#include <utility>
#include <vector>

#include "unit/archive/archive_messages.h"
#include "unit/catch.h"

using tcpinfo::errc;

namespace {

std::string numbered(unsigned i) {
  return "{\"Timestamp\":\"2020-01-02T03:04:05Z\",\"RawIDM\":\"" + std::string(96, 'A') +
         "\",\"Attributes\":[null],\"Poll\":" + std::to_string(i) + "}\n";
}

std::string compressed(std::string_view text) {
  tcpinfo::frame_writer writer;
  REQUIRE_FALSE(writer.create(3));
  std::string out(tcpinfo::frame_writer::bound(text.size()), '\0');
  std::size_t n = 0;
  REQUIRE_FALSE(
      writer.compress(std::as_bytes(std::span(text)), std::as_writable_bytes(std::span(out)), n));
  out.resize(n);
  return out;
}

struct step {
  std::error_code ec;
  std::uint64_t poll = 0;
  std::uint64_t line = 0;
  std::uint64_t offset = 0;
  std::string text;
};

std::vector<step> read(std::string_view bytes, std::size_t max_line = std::size_t{1} << 20) {
  tcpinfo::archive_reader reader;
  tcpinfo::archive_reader_options options;
  options.max_line = max_line;
  REQUIRE_FALSE(reader.open_memory(std::as_bytes(std::span(bytes)), options));
  tcpinfo::record r;
  std::vector<step> steps;
  for (;;) {
    bool more = false;
    const std::error_code ec = reader.next(r, more);
    if (!more) {
      CHECK_FALSE(ec);
      break;
    }
    steps.push_back({ec, ec ? 0 : r.poll(), reader.line_number(), reader.line_offset(),
                     std::string(reader.line())});
    REQUIRE(steps.size() < 100'000);
  }
  // The end stays the end.
  bool more = true;
  CHECK_FALSE(reader.next(r, more));
  CHECK_FALSE(more);
  return steps;
}

}  // namespace

TEST_CASE("records come one by one with their place") {
  std::string text;
  for (unsigned i = 0; i < 5000; ++i) text += numbered(i);
  for (const std::string& bytes :
       {text, compressed(text), compressed(text.substr(0, 1000)) + compressed(text.substr(1000))}) {
    const auto steps = read(bytes);
    REQUIRE(steps.size() == 5000);
    std::uint64_t offset = 0;
    for (unsigned i = 0; i < steps.size(); ++i) {
      REQUIRE_FALSE(steps[i].ec);
      REQUIRE(steps[i].poll == i);
      REQUIRE(steps[i].line == i + 1);
      REQUIRE(steps[i].offset == offset);
      REQUIRE(steps[i].text + "\n" == numbered(i));
      offset += numbered(i).size();
    }
  }
}

TEST_CASE("nothing, and nothing but blank lines") {
  CHECK(read("").empty());
  CHECK(read("\n\n \r\n\t").empty());
  CHECK(read(compressed("")).empty());
}

TEST_CASE("a byte-order mark is passed over at the start of the text and nowhere else") {
  const std::string mark = "\xef\xbb\xbf";
  for (const std::string& text :
       {mark + numbered(0) + mark + numbered(1) + numbered(2) + mark + mark + numbered(3),
        mark + "\n" + numbered(0) + mark + "\n" + numbered(2) + mark + numbered(3)}) {
    for (const std::string& bytes : {text, compressed(text),
                                     compressed(text.substr(0, 1)) + compressed(text.substr(1, 1)) +
                                         compressed(text.substr(2))}) {
      std::vector<std::string> told;
      for (const step& s : read(bytes)) {
        CHECK(text.substr(s.offset, s.text.size()) == s.text);
        told.push_back(std::to_string(s.line) + ": " +
                       (s.ec ? s.ec.message() : std::to_string(s.poll)));
      }
      const std::string bad = make_error_code(errc::bad_json).message();
      if (text.substr(3, 1) == "{")
        CHECK(told == std::vector<std::string>{"1: 0", "2: " + bad, "3: 2", "4: " + bad});
      else
        CHECK(told == std::vector<std::string>{"2: 0", "3: " + bad, "4: 2", "5: " + bad});
    }
  }
  // Two of them: the second is no start.
  const auto twice = read(mark + mark + numbered(0));
  REQUIRE(twice.size() == 1);
  CHECK(twice[0].ec == errc::bad_json);
  // A mark that is cut, or alone.
  CHECK(read(mark).empty());
  CHECK(read(compressed(mark)).empty());
  for (const std::size_t cut : {1U, 2U}) {
    const auto steps = read(mark.substr(0, cut));
    REQUIRE(steps.size() == 1);
    CHECK(steps[0].ec == errc::unterminated_line);
    CHECK(steps[0].offset == 0);
    REQUIRE(read(mark.substr(0, cut) + "\n").size() == 1);
  }
  // It is no part of the line, whose limit it does not touch.
  CHECK_FALSE(read(mark + numbered(0), numbered(0).size() - 1).at(0).ec);
}

TEST_CASE("a reader that is opened again passes over the next file's byte-order mark") {
  const std::string text = "\xef\xbb\xbf" + numbered(4);
  tcpinfo::archive_reader reader;
  for (int i = 0; i < 2; ++i) {
    tcpinfo::record r;
    bool more = false;
    REQUIRE_FALSE(reader.open_memory(std::as_bytes(std::span(text))));
    REQUIRE_FALSE(reader.next(r, more));
    REQUIRE(more);
    CHECK(r.poll() == 4);
  }
}

TEST_CASE("a bad line is told and reading goes on") {
  const auto steps =
      read(numbered(0) + "\n" + "nonsense\n" + "\r\n" + numbered(1) + "{}\n" + numbered(2));
  REQUIRE(steps.size() == 5);
  CHECK_FALSE(steps[0].ec);
  CHECK(steps[1].ec == errc::bad_json);
  CHECK(steps[1].line == 3);
  CHECK(steps[1].offset == numbered(0).size() + 1);
  CHECK(steps[1].text == "nonsense");
  CHECK(steps[2].poll == 1);
  CHECK(steps[2].line == 5);
  CHECK(steps[3].ec == errc::bad_timestamp);
  CHECK(steps[4].poll == 2);
  CHECK(steps[4].line == 7);
}

TEST_CASE("a last line without newline") {
  std::string whole = numbered(7);
  whole.pop_back();
  auto steps = read(numbered(0) + whole);
  REQUIRE(steps.size() == 2);
  CHECK(steps[1].poll == 7);
  steps = read(numbered(0) + whole + "\r");
  REQUIRE(steps.size() == 2);
  CHECK(steps[1].poll == 7);
  for (std::size_t cut = 1; cut < whole.size(); ++cut) {
    steps = read(numbered(0) + whole.substr(0, cut));
    REQUIRE(steps.size() == 2);
    REQUIRE(steps[1].ec == errc::unterminated_line);
    REQUIRE(steps[1].line == 2);
  }
}

TEST_CASE("a cut or broken file gives every whole record before the damage, and tells once") {
  std::string text;
  for (unsigned i = 0; i < 6; ++i) text += numbered(i);
  const std::string first = compressed(text.substr(0, 2 * numbered(0).size() + 20));
  const std::string all = first + compressed(text.substr(2 * numbered(0).size() + 20));
  for (std::size_t cut = 1; cut < all.size(); ++cut) {
    const auto steps = read(std::string_view(all).substr(0, cut));
    INFO("cut at " << cut);
    const std::size_t expected = cut < first.size() ? 0 : 2;
    REQUIRE(steps.size() >= expected + 1);
    for (std::size_t i = 0; i < expected; ++i) REQUIRE_FALSE(steps[i].ec);
    std::size_t faults = 0;
    for (const step& s : steps) faults += s.ec ? 1U : 0U;
    REQUIRE(faults == 1);
    // Cut between frames, in the middle of a line.
    REQUIRE(steps.back().ec ==
            (cut == first.size() ? errc::unterminated_line : errc::truncated_frame));
  }
  std::string broken = all;
  broken[first.size() + 20] = static_cast<char>(broken[first.size() + 20] ^ 0x55);
  const auto steps = read(broken);
  REQUIRE(steps.size() >= 3);
  CHECK(steps.back().ec == errc::corrupt_frame);
  CHECK(steps[1].poll == 1);

  // The line before the cut is whole but for its newline.
  std::string tail = numbered(3);
  tail.pop_back();
  const std::string cut_frame = compressed("x").substr(0, 5);
  const auto kept = read(compressed(numbered(2) + tail) + cut_frame);
  REQUIRE(kept.size() == 3);
  CHECK(kept[1].poll == 3);
  CHECK(kept[2].ec == errc::truncated_frame);
}

TEST_CASE("what follows a damaged frame is read, and the damage is told once") {
  std::string first;
  std::string middle;
  std::string last;
  for (unsigned i = 0; i < 50; ++i) first += numbered(i);
  for (unsigned i = 50; i < 100; ++i) middle += numbered(i);
  for (unsigned i = 100; i < 150; ++i) last += numbered(i);
  const std::string a = compressed(first);
  const std::string b = compressed(middle);
  const std::string c = compressed(last);
  // One byte wrong, anywhere in the frame in the middle; and that frame cut, anywhere.
  for (const bool cut : {false, true}) {
    for (std::size_t at = cut ? 1 : 0; at < b.size(); ++at) {
      INFO((cut ? "cut at " : "wrong at ") << at);
      std::string damaged = cut ? b.substr(0, at) : b;
      if (!cut) damaged[at] = static_cast<char>(damaged[at] ^ 0x55);
      std::vector<bool> seen(150, false);
      std::size_t faults = 0;
      for (const step& s : read(a + damaged + c)) {
        if (s.ec)
          ++faults;
        else
          seen[s.poll] = true;
      }
      for (unsigned i = 0; i < 150; ++i)
        if (i < 50 || i >= 100) CHECK(seen[i]);
      CHECK(faults == 1);
    }
  }
  // An archive that was cut, with another behind it, and nothing but damage.
  CHECK(read(a.substr(0, a.size() - 9) + c).size() == 1 + 50);
  CHECK(read(std::string("\x28\xb5\x2f\xfd", 4) + "\x28\xb5\x2f\xfd").size() == 1);
}

TEST_CASE("long lines are skipped") {
  const std::size_t size = numbered(1).size() - 1;
  CHECK(read(numbered(1), size).size() == 1);
  CHECK_FALSE(read(numbered(1), size)[0].ec);
  CHECK(read(numbered(1), size - 1)[0].ec == errc::line_too_long);
  for (const std::size_t length :
       {std::size_t{2000}, std::size_t{300'000}, std::size_t{3'000'000}}) {
    const std::string lines = numbered(0) + std::string(length, 'x') + "\n" + numbered(1);
    for (const std::string& bytes : {lines, compressed(lines)}) {
      const auto steps = read(bytes, 1000);
      REQUIRE(steps.size() == 3);
      CHECK(steps[1].ec == errc::line_too_long);
      CHECK(steps[1].line == 2);
      CHECK(steps[1].offset == numbered(0).size());
      CHECK(steps[1].text.empty());
      CHECK(steps[2].poll == 1);
      CHECK(steps[2].line == 3);
      CHECK(steps[2].offset == numbered(0).size() + length + 1);
    }
    const auto last = read(numbered(0) + std::string(length, 'x'), 1000);
    REQUIRE(last.size() == 2);
    CHECK(last[1].ec == errc::line_too_long);
  }
  // A long one within the limit makes the buffer grow.
  std::string padded = numbered(4);
  padded.insert(1, 900'000, ' ');
  const auto steps = read(padded + numbered(5));
  REQUIRE(steps.size() == 2);
  CHECK(steps[0].poll == 4);
  CHECK(steps[1].poll == 5);
}

TEST_CASE("byte order is what the file's metadata says") {
  tcpinfo::metadata m;
  m.uuid = "u";
  m.byte_order = "big";
  std::string text(tcpinfo::max_metadata_size(m), '?');
  std::size_t n = 0;
  REQUIRE_FALSE(tcpinfo::encode_metadata(text, n, m));
  text.resize(n);
  tcpinfo::archive_reader reader;
  tcpinfo::record r;
  bool more = true;
  CHECK(reader.next(r, more) == errc::not_open);
  CHECK_FALSE(more);
  REQUIRE_FALSE(reader.open_memory(std::as_bytes(std::span(text))));
  CHECK_FALSE(reader.big_endian());
  REQUIRE_FALSE(reader.next(r, more));
  CHECK(reader.big_endian());
  const std::string other = numbered(0);
  REQUIRE_FALSE(reader.open_memory(std::as_bytes(std::span(other))));
  CHECK_FALSE(reader.big_endian());
}

TEST_CASE("files that do not open") {
  tcpinfo::archive_reader reader;
  tcpinfo::record r;
  bool more = false;
  CHECK(reader.open_path("/nonexistent/a.jsonl") ==
        std::error_code(ENOENT, std::system_category()));
  CHECK(reader.open_fd(-1) == std::error_code());
  CHECK(reader.next(r, more) == std::error_code(EBADF, std::system_category()));
  CHECK(more);
  CHECK_FALSE(reader.next(r, more));
  CHECK_FALSE(more);
  tcpinfo::archive_reader_options options;
  options.max_line = 0;
  CHECK(reader.open_memory({}, options) == errc::invalid_argument);
}

TEST_CASE("a window above the limit is a fault of the stream") {
  std::string text;
  for (unsigned poll = 0; poll < 100; ++poll) text += numbered(poll);
  tcpinfo::frame_writer writer;
  REQUIRE_FALSE(writer.create(3));
  std::vector<std::byte> frame(tcpinfo::frame_writer::bound(text.size()));
  std::size_t n = 0;
  REQUIRE_FALSE(writer.compress(std::as_bytes(std::span(text)), frame, n));
  frame.resize(n);
  tcpinfo::archive_reader reader;
  tcpinfo::archive_reader_options options;
  CHECK(reader.window_needed() == 0);
  options.max_window_log = 9;
  CHECK(reader.open_memory(frame, options) == errc::invalid_argument);
  options.max_window_log = 10;
  REQUIRE_FALSE(reader.open_memory(frame, options));
  tcpinfo::record r;
  bool more = false;
  CHECK(reader.next(r, more) == errc::window_too_large);
  CHECK(more);
  CHECK(reader.window_needed() == text.size());
  CHECK_FALSE(reader.next(r, more));
  CHECK_FALSE(more);
  // A program that knows no such option has what was before.
  options.size = offsetof(tcpinfo::archive_reader_options, max_window_log);
  REQUIRE_FALSE(reader.open_memory(frame, options));
  CHECK_FALSE(reader.next(r, more));
  CHECK(more);
}

TEST_CASE("a stream of which the beginning was looked at is read on") {
  std::string text;
  for (unsigned i = 0; i < 400; ++i) text += numbered(i);
  // The last frame is damaged: all of it is marked, wherever looking ended.
  std::string damaged = compressed(numbered(400));
  damaged.back() = static_cast<char>(damaged.back() ^ 1);
  const std::string zstd = compressed(text) + damaged;
  tcpinfo::stream_reader stream;
  tcpinfo::archive_reader reader;
  for (const std::string* input : {&std::as_const(text), &zstd}) {
    for (const std::size_t looked : {std::size_t{0}, std::size_t{1}, std::size_t{300},
                                     std::size_t{70'000}, text.size(), text.size() + 100}) {
      REQUIRE_FALSE(stream.open_memory(std::as_bytes(std::span(*input))));
      std::vector<std::byte> begun(looked);
      std::size_t used = 0;
      while (used < looked && !stream.from_damaged_frame()) {
        std::size_t n = 0;
        REQUIRE_FALSE(stream.read(std::span(begun).subspan(used), n));
        if (n == 0) break;
        used += n;
      }
      begun.resize(used);
      REQUIRE_FALSE(reader.open_stream(stream, begun));
      CHECK(reader.is_zstd() == (input == &zstd && looked != 0));
      tcpinfo::record r;
      std::uint64_t records = 0;
      std::vector<std::error_code> faults;
      for (bool more = true;;) {
        const std::error_code ec = reader.next(r, more);
        if (!more) break;
        if (ec) {
          faults.push_back(ec);
          continue;
        }
        CHECK(r.poll() == records);
        // Where looking ended inside the damaged frame, it took all before along.
        if (looked <= text.size()) CHECK(reader.from_damaged_frame() == (records == 400));
        ++records;
      }
      CHECK(records == (input == &zstd ? 401 : 400));
      CHECK(faults.size() == (input == &zstd ? 1 : 0));
    }
  }
}

TEST_CASE("records are read in a loop, faults among them with their place") {
  std::string text = numbered(1) + "{broken\n" + numbered(2);
  std::string file = compressed(text);
  file += compressed(numbered(3)).substr(0, 30);  // cut off
  tcpinfo::archive_reader reader;
  REQUIRE_FALSE(reader.open_memory(std::as_bytes(std::span(file))));
  tcpinfo::record mine;
  std::string seen;
  auto items = reader.items(mine);
  for (const auto& item : items) {
    seen += std::to_string(item.place().line) + '@' + std::to_string(item.place().offset) + ' ';
    seen += item ? "poll " + std::to_string(item->poll()) : item.error().message();
    seen += '\n';
    if (item) CHECK(&*item == &mine);
    if (item.error() == errc::bad_json) CHECK(reader.line() == "{broken");
  }
  const std::size_t line = numbered(1).size();
  CHECK(seen == "1@0 poll 1\n2@" + std::to_string(line) + " not a JSON record\n3@" +
                    std::to_string(line + 8) + " poll 2\n3@" + std::to_string(line + 8) +
                    " input ends inside a zstd frame\n");
  CHECK(items.status() == tcpinfo::read_status::end);
}

TEST_CASE("a reader that is not open is one fault and no endless loop") {
  tcpinfo::archive_reader reader;
  unsigned faults = 0;
  for (const auto& item : reader.items()) {
    CHECK(item.error() == errc::not_open);
    ++faults;
  }
  CHECK(faults == 1);
}

template <class Reader, class Bytes>
concept reads_memory = requires(Reader reader, Bytes&& bytes) {
  reader.open_memory(std::forward<Bytes>(bytes));
};
template <class Text>
concept names_archive = requires(Text&& text, tcpinfo::archive_name& name) {
  tcpinfo::parse_archive_name(std::forward<Text>(text), name);
};
template <class Record>
concept shows_message = requires(Record&& r) {
  std::forward<Record>(r).view();
};

TEST_CASE("no view is made of what ends with the call") {
  using bytes = std::vector<std::byte>;
  static_assert(reads_memory<tcpinfo::archive_reader, bytes&>);
  static_assert(reads_memory<tcpinfo::archive_reader, const bytes&>);
  static_assert(reads_memory<tcpinfo::archive_reader, tcpinfo::bytes_view>);
  static_assert(!reads_memory<tcpinfo::archive_reader, bytes>);
  static_assert(reads_memory<tcpinfo::stream_reader, bytes&>);
  static_assert(!reads_memory<tcpinfo::stream_reader, bytes>);
  static_assert(names_archive<std::string&>);
  static_assert(names_archive<const char*>);
  static_assert(names_archive<std::string_view>);
  static_assert(!names_archive<std::string>);
  static_assert(shows_message<tcpinfo::record&>);
  static_assert(!shows_message<tcpinfo::record>);
}

TEST_CASE("nobody uses an archive reader out of the function that its stream reads by") {
  struct caller {
    tcpinfo::archive_reader reader;
    std::error_code closed, opened, read;
    std::size_t calls = 0;
    std::string line;
    static std::error_code hand_over(void* user, std::span<std::byte> out,
                                     std::size_t& n) noexcept {
      caller& self = *static_cast<caller*>(user);
      if (++self.calls > 1) {
        tcpinfo::record one;
        bool more = false;
        self.closed = self.reader.close();
        self.opened = self.reader.open_memory(tcpinfo::bytes_view());
        self.read = self.reader.next(one, more);
        return {};
      }
      std::memcpy(out.data(), self.line.data(), self.line.size());
      n = self.line.size();
      return {};
    }
  } c;
  tcpinfo::metadata about;
  about.uuid = "host_1_0000000000000001";
  c.line.resize(tcpinfo::max_metadata_size(about));
  std::size_t size = 0;
  REQUIRE_FALSE(tcpinfo::encode_metadata(c.line, size, about));
  c.line.resize(size);
  tcpinfo::stream_reader stream;
  REQUIRE_FALSE(stream.open_callback(&caller::hand_over, &c));
  REQUIRE_FALSE(c.reader.open_stream(stream, tcpinfo::bytes_view()));
  std::size_t records = 0;
  for (const auto& item : c.reader.items()) records += item ? 1 : 0;
  CHECK(records == 1);
  CHECK(c.closed == tcpinfo::errc::busy);
  CHECK(c.opened == tcpinfo::errc::busy);
  CHECK(c.read == tcpinfo::errc::busy);
  CHECK_FALSE(c.reader.close());
}
