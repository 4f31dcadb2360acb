// SPDX-License-Identifier: Apache-2.0
//
// The same records as a segment and as archives: the input is a list of steps that make messages,
// metadata, odd lines and ends of blocks. What record_reader gives of the segment is, archive by
// archive, what archive_reader gives of the lines: the same records, and the same faults of lines
// that are none.
#include <tcpinfo/archive.h>
#include <tcpinfo/segment.h>
#include <tcpinfo/zstd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "fuzz.h"
#include "unit/segment/segment_files.h"

namespace {

using namespace segment_files;

constexpr std::size_t most_archives = 6;
constexpr std::size_t most_attributes = 12;

// The input, byte by byte; zeros behind its end.
class input {
 public:
  explicit input(bytes_view left) : left_(left) {}

  [[nodiscard]] bool more() const { return !left_.empty(); }
  std::uint8_t byte() {
    if (left_.empty()) return 0;
    const auto b = std::to_integer<std::uint8_t>(left_.front());
    left_ = left_.subspan(1);
    return b;
  }
  // Small ones in two bytes, any in nine.
  std::uint64_t number() {
    std::uint64_t n = 0;
    for (std::size_t left = byte() % 9; left > 0; --left) n = n << 8 | byte();
    return n;
  }
  std::string text() {
    std::size_t size = byte();
    size = std::min(size, left_.size());
    const std::string out = text_of(left_.first(size));
    left_ = left_.subspan(size);
    return out;
  }

 private:
  bytes_view left_;
};

struct attribute {
  std::uint16_t type = 0;
  std::string payload;
};

struct archive {
  std::string path;
  std::optional<told_metadata> about;
  std::string lines;  // as they are in a file of its own
  bool begun = false;
  bool ended = false;  // its last line has no end: nothing can come behind it

  // The message to come.
  std::string header = std::string(72, '\0');
  std::vector<attribute> attributes;
  std::string tail;
  tcpinfo::timestamp time;
  std::uint64_t poll = 0;

  // In the block that is being made.
  bool in_block = false;
  std::uint32_t number = 0;
};

std::string message_of(const archive& a) {
  std::string out = a.header;
  for (const attribute& one : a.attributes) {
    const auto length = static_cast<std::uint16_t>(one.payload.size() + 4);
    std::array<char, 4> head;
    std::memcpy(head.data(), &length, 2);
    std::memcpy(head.data() + 2, &one.type, 2);
    out.append(head.data(), head.size()).append(one.payload);
    out.resize(tcpinfo::wire::align4(out.size()));
  }
  return out + a.tail;
}

// What readers give of an archive: records as their lines, and faults.
using told = std::vector<std::string>;

bool is_fault(const std::string& one) { return one.starts_with("fault: "); }

// Of a run of lines that are none, the first one: archive_reader tells what looks like no JSON
// once.
void tell(told& to, const std::error_code& fault, const tcpinfo::record& r) {
  if (!fault)
    to.push_back(line_of(r));
  else if (to.empty() || !is_fault(to.back()))
    to.push_back("fault: " + fault.message());
}

void check_same(const std::string& path, const told& got, const told& wanted) {
  if (got == wanted) return;
  for (std::size_t i = 0; i < std::max(got.size(), wanted.size()); ++i) {
    const std::string mine = i < got.size() ? got[i] : "nothing\n";
    const std::string its = i < wanted.size() ? wanted[i] : "nothing\n";
    if (mine != its)
      std::fprintf(stderr, "%s, %zu:\n segment: %s\n archive: %s\n", path.c_str(), i, mine.c_str(),
                   its.c_str());
  }
  FUZZ_CHECK(got == wanted);
}

class both {
 public:
  both() {
    tcpinfo::segment_options options;
    options.level = 1;
    FUZZ_CHECK(!writer().create(options));
    archives_.emplace_back();
    archives_.back().path = "first";
  }

  void step(input& in) {
    archive& a = archives_[current_];
    switch (in.byte() % 13) {
      case 0:
        flush();
        break;
      case 1:
        begin_archive(in);
        break;
      case 2:
        current_ = in.byte() % archives_.size();
        break;
      case 3:
        a.header[in.byte() % a.header.size()] = static_cast<char>(in.byte());
        break;
      case 4:
        change_attribute(a, in);
        break;
      case 5:
        change_word(a, in);
        break;
      case 6:
        set_time(a, in);
        break;
      case 7:
        add_text(a, in);
        break;
      case 8:
        add_changed_line(a, in);
        break;
      case 9:
        a.tail = in.text();
        break;
      case 12:
        add_burst(a, in);
        break;
      default:
        add_message(a, extras_of(a, in));
        break;
    }
  }

  void compare() {
    flush();
    bytes_view index;
    FUZZ_CHECK(!writer().finish(index));
    segment_ += text_of(index);

    std::map<std::string, told, std::less<>> wanted;
    for (const archive& a : archives_)
      if (a.begun) wanted[a.path] = read_archive(a.lines);
    std::map<std::string, told, std::less<>> got = read_segment();
    for (auto& [path, lines] : wanted) {
      if (!lines.empty() && lines.back() == unterminated()) {
        // In a segment, which knows where a line ends, it has its own fault.
        FUZZ_CHECK(!got[path].empty() && is_fault(got[path].back()));
        lines.pop_back();
        got[path].pop_back();
      }
      check_same(path, got[path], lines);
    }
    FUZZ_CHECK(got.size() == wanted.size());
  }

 private:
  // One for all inputs: what was in a segment before changes nothing.
  static tcpinfo::segment_writer& writer() {
    static tcpinfo::segment_writer one;
    return one;
  }
  static const std::string& unterminated() {
    static const std::string text = "fault: " + std::error_code(errc::unterminated_line).message();
    return text;
  }

  void begin_archive(input& in) {
    if (archives_.size() == most_archives) return;
    archive a;
    a.path = "archive " + std::to_string(archives_.size());
    const std::uint8_t has = in.byte();
    if ((has & 1) != 0) {
      told_metadata m;
      // A cookie at the end, so that there are words of the message to be left out.
      if ((has & 2) != 0) m.uuid = in.text();
      m.sequence = in.number();
      if ((has & 4) != 0) m.start_time = time_of(in);
      if ((has & 8) != 0) m.opened = time_of(in);
      if ((has & 16) != 0) m.host = in.text();
      if ((has & 32) != 0) m.policy = in.text();
      if ((has & 64) != 0) m.byte_order = "big";
      if ((has & 128) != 0) m.run = in.text();
      a.about = m;
    }
    current_ = archives_.size();
    archives_.push_back(std::move(a));
  }

  static tcpinfo::timestamp time_of(input& in) {
    if (in.byte() % 4 > 0)
      return tcpinfo::timestamp::from_unix_nanoseconds(static_cast<std::int64_t>(in.number()));
    tcpinfo::timestamp t;
    t.seconds = static_cast<std::int64_t>(in.number());
    t.nanoseconds = static_cast<std::uint32_t>(in.number());
    t.utc_offset_seconds = static_cast<std::int8_t>(in.byte()) * 1800;
    return t;
  }

  static void set_time(archive& a, input& in) { a.time = time_of(in); }

  static void change_attribute(archive& a, input& in) {
    const std::uint8_t what = in.byte();
    if (what % 8 == 0 && !a.attributes.empty()) {
      a.attributes.erase(a.attributes.begin() +
                         static_cast<std::ptrdiff_t>(what / 8 % a.attributes.size()));
      return;
    }
    attribute one;
    one.type = static_cast<std::uint16_t>(what % 8 == 1 ? in.number() : what / 8);
    const std::size_t size = in.byte();
    one.payload = what % 2 == 0 ? std::string(size, '\0') : in.text();
    const auto same = std::find_if(a.attributes.begin(), a.attributes.end(),
                                   [&](const attribute& b) { return b.type == one.type; });
    // Sometimes twice in a message: only the first one is kept then.
    if (same != a.attributes.end() && what % 8 != 7)
      *same = std::move(one);
    else if (a.attributes.size() < most_attributes)
      a.attributes.push_back(std::move(one));
  }

  static void change_word(archive& a, input& in) {
    if (a.attributes.empty()) return;
    std::string& payload = a.attributes[in.byte() % a.attributes.size()].payload;
    if (payload.size() < 4) return;
    char* const at = payload.data() + 4 * (in.byte() % (payload.size() / 4));
    std::uint32_t word = 0;
    std::memcpy(&word, at, sizeof word);
    word += static_cast<std::uint32_t>(in.number());
    std::memcpy(at, &word, sizeof word);
  }

  // Whether it can be in both; something is to be added to it then.
  bool begin(archive& a) {
    if (a.in_block) return true;
    tcpinfo::metadata about;
    std::string first_line;
    if (a.about) {
      about = a.about->view();
      first_line.resize(tcpinfo::max_metadata_size(about));
      std::size_t n = 0;
      if (tcpinfo::encode_metadata(first_line, n, about)) return false;
      first_line.resize(n);
    }
    tcpinfo::segment_archive given;
    if (a.about) given.about = &about;
    given.path = a.path;
    given.goes_on = a.begun ? 1 : 0;
    std::error_code ec = writer().begin(given, a.number);
    const bool as_text = ec == errc::bad_timestamp;
    if (as_text) {
      given.about = nullptr;
      ec = writer().begin(given, a.number);
    }
    FUZZ_CHECK(!ec);
    a.in_block = true;
    if (as_text && !a.begun) FUZZ_CHECK(!writer().add_line(a.number, first_line));
    if (!a.begun) a.lines = first_line;
    a.begun = true;
    return true;
  }

  void add_line(archive& a, const std::string& line) {
    if (a.ended || !begin(a)) return;
    FUZZ_CHECK(!writer().add_line(a.number, line));
    a.lines += line;
    a.ended = !line.ends_with('\n');
  }

  void add_text(archive& a, input& in) {
    std::string line = in.text();
    std::replace(line.begin(), line.end(), '\n', ' ');
    // The last line of a file may have no end. An empty one keeps an archive that has no records.
    if (in.byte() % 8 > 0 || (line.empty() && a.begun)) line += '\n';
    add_line(a, line);
  }

  static std::string line_to_come(const archive& a, const tcpinfo::record_extras& extras) {
    const std::string bytes = message_of(a);
    const tcpinfo::message m{bytes_of(bytes)};
    std::string line(tcpinfo::max_record_size(m), '\0');
    std::size_t n = 0;
    line.resize(tcpinfo::encode_record(line, n, a.time, m, extras) ? 0 : n);
    return line;
  }

  // A line as an encoder writes it, but for one place.
  void add_changed_line(archive& a, input& in) {
    std::string line = line_to_come(a, {});
    if (line.empty()) return;
    const std::size_t at = in.number() % line.size();
    line.insert(at, in.text());
    std::replace(line.begin(), line.end() - 1, '\n', ' ');
    add_line(a, line);
  }

  static tcpinfo::record_extras extras_of(archive& a, input& in) {
    tcpinfo::record_extras extras;
    const std::uint8_t has = in.byte();
    // Mostly some time later, at the next poll.
    if ((has & 1) == 0 && a.time.unix_nanoseconds().value_or(INT64_MAX) < INT64_MAX / 2)
      a.time = tcpinfo::timestamp::from_unix_nanoseconds(*a.time.unix_nanoseconds() +
                                                         (has >> 6) * 10'000'000);
    if ((has & 2) == 0) extras.poll = a.poll += (has >> 7);
    if ((has & 4) != 0) extras.poll = a.poll = in.number();
    if ((has & 8) != 0) extras.ended = time_of(in);
    if ((has & 16) != 0) extras.carried = static_cast<std::uint32_t>(in.number());
    if ((has & 32) != 0) extras.thinned = static_cast<std::uint32_t>(in.number());
    return extras;
  }

  // So much that does not shrink that what is flushed together is more than a block. Once in an
  // input, or it would take most of the time.
  void add_burst(archive& a, input& in) {
    std::uint32_t noise = 1U + in.byte();
    const std::size_t count = had_burst_ ? 0 : 4 * std::size_t{in.byte()};
    had_burst_ = true;
    for (std::size_t i = 0; i < count; ++i) {
      for (attribute& one : a.attributes)
        for (char& c : one.payload) {
          noise = noise * 1664525 + 1013904223;
          c = static_cast<char>(noise >> 24);
        }
      add_message(a, {});
    }
  }

  void add_message(archive& a, const tcpinfo::record_extras& extras) {
    if (a.ended) return;
    const std::string line = line_to_come(a, extras);
    if (line.empty() || !begin(a)) return;
    const std::string bytes = message_of(a);
    const std::error_code ec = writer().add(a.number, a.time, {bytes_of(bytes)}, extras);
    if (ec == errc::bad_timestamp || ec == errc::malformed_attribute) {
      // A line can say it, and a block as text.
      add_line(a, line);
      return;
    }
    FUZZ_CHECK(!ec);
    a.lines += line;
  }

  void flush() {
    bytes_view frame;
    FUZZ_CHECK(!writer().flush(frame));
    segment_ += text_of(frame);
    for (archive& a : archives_) a.in_block = false;
  }

  // Compressed, as a collector writes it: a plain one could begin as a zstd frame does.
  static told read_archive(const std::string& lines) {
    static tcpinfo::frame_writer frames;
    FUZZ_CHECK(!frames.create(1));
    std::vector<std::byte> file(tcpinfo::frame_writer::bound(lines.size()));
    std::size_t n = 0;
    FUZZ_CHECK(!frames.compress(bytes_of(lines), file, n));
    static tcpinfo::archive_reader reader;
    FUZZ_CHECK(!reader.open_memory(bytes_view(file).first(n)));
    tcpinfo::record r;
    told out;
    for (bool more = true;;) {
      const std::error_code fault = reader.next(r, more);
      if (!more) return out;
      tell(out, fault, r);
    }
  }

  std::map<std::string, told, std::less<>> read_segment() const {
    static tcpinfo::record_reader reader;
    FUZZ_CHECK(!reader.open_memory(bytes_of(segment_)));
    tcpinfo::record r;
    std::map<std::string, told, std::less<>> out;
    for (bool more = true;;) {
      const std::error_code fault = reader.next(r, more);
      if (!more) break;
      FUZZ_CHECK(reader.is_segment());
      told& to = out[std::string(reader.path())];
      // The metadata that the reader makes of it was given before.
      const bool again = !fault && reader.goes_on() && r.has_metadata() && reader.line().empty();
      if (!again) tell(to, fault, r);
    }
    FUZZ_CHECK(reader.missing_records() == 0);
    return out;
  }

  std::vector<archive> archives_;
  std::size_t current_ = 0;
  bool had_burst_ = false;
  std::string segment_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  input in(bytes_view(reinterpret_cast<const std::byte*>(data), size));
  both formats;
  while (in.more()) formats.step(in);
  formats.compare();
  return 0;
}
