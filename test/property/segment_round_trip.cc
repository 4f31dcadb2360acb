// SPDX-License-Identifier: Apache-2.0
//
// A segment gives back what its archives would: random messages of random archives go through
// writer and readers, and come out as encode_record() writes the originals, the same in every run.
//   segment_round_trip <cases> [<number of the first>]
//
// - The lines of each archive, in order, whatever the blocks; no more and no less.
// - The first line of an archive, in each block that has records of it, and whether it goes on.
// - What encode_record() notes of a message, add() notes.
// - record_reader gives records that are written as the same lines, from memory and from a stream
//   that comes in pieces.
// - Where a block is damaged or missing, those of the other blocks.
#include <tcpinfo/archive.h>
#include <tcpinfo/segment.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "unit/segment/segment_files.h"

namespace {

unsigned long current = 0;

#define REQUIRE(condition)                                                                      \
  do {                                                                                          \
    if (!(condition)) {                                                                         \
      std::fprintf(stderr, "%s:%d: case %lu: does not hold: %s\n", __FILE__, __LINE__, current, \
                   #condition);                                                                 \
      std::exit(1);                                                                             \
    }                                                                                           \
  } while (false)

using namespace segment_files;

// std::uniform_int_distribution differs between libraries; the generator does not.
class dice {
 public:
  explicit dice(std::uint64_t seed) : random_(seed) {}
  std::size_t operator()(std::size_t sides) {
    return sides == 0 ? 0 : static_cast<std::size_t>(random_() % sides);
  }
  std::uint64_t number() {
    // Small ones and large ones, of either sign.
    const std::uint64_t n = random_() >> (*this)(64);
    return (*this)(2) == 0 ? n : ~n;
  }
  std::string noise(std::size_t size) {
    std::string out(size, '\0');
    for (char& c : out) c = static_cast<char>((*this)(256));
    return out;
  }
  template <class Choices>
  auto& of(Choices& choices) {
    return choices[(*this)(std::size(choices))];
  }

 private:
  std::mt19937_64 random_;
};

// ---------------------------------------------------------------------------------------------
// Messages

struct attribute {
  std::uint16_t type = 0;
  std::string payload;
};

// The latest state of a connection: each message changes some of it.
struct connection {
  std::string header;
  std::vector<attribute> attributes;
  std::string tail;
};

std::uint16_t any_type(dice& roll) {
  static constexpr std::array<std::uint16_t, 12> odd{0,  18,  14,  63,     64,     700,
                                                     31, 255, 300, 0x8002, 0x4003, 18 | 0x8000};
  // A line names every absent type below the highest.
  if (roll(400) == 0) return 16383;
  return roll(4) == 0 ? roll.of(odd) : static_cast<std::uint16_t>(1 + roll(22));
}

std::string any_payload(dice& roll) {
  static constexpr std::array<std::size_t, 9> sizes{0, 1, 4, 5, 16, 20, 36, 232, 280};
  const std::size_t size = roll(3) == 0 ? roll(300) : roll.of(sizes);
  return roll(2) == 0 ? std::string(size, '\0') : roll.noise(size);
}

connection new_connection(dice& roll) {
  connection c;
  c.header = roll(3) == 0 ? roll.noise(72) : std::string(72, '\0');
  for (std::size_t n = roll(8); n > 0; --n)
    c.attributes.push_back({any_type(roll), any_payload(roll)});
  return c;
}

void change(connection& c, dice& roll) {
  for (std::size_t n = roll(3); n > 0; --n) c.header[roll(72)] = static_cast<char>(roll(256));
  c.tail.clear();
  for (std::size_t steps = roll(6); steps > 0; --steps) {
    attribute* const a = c.attributes.empty() ? nullptr : &roll.of(c.attributes);
    switch (roll(12)) {
      case 0:
        if (c.attributes.size() < 30) c.attributes.push_back({any_type(roll), any_payload(roll)});
        break;
      case 1:
        if (a != nullptr) c.attributes.erase(c.attributes.begin() + (a - c.attributes.data()));
        break;
      case 2:
        if (a != nullptr) a->payload = any_payload(roll);
        break;
      case 3:
        if (a != nullptr) a->type = any_type(roll);
        break;
      case 4:
        c.tail = roll.noise(roll(12));
        break;
      case 5:
        std::reverse(c.attributes.begin(), c.attributes.end());
        break;
      default:
        // A number goes on.
        if (a != nullptr && a->payload.size() >= 4) {
          char* const at = a->payload.data() + 4 * roll(a->payload.size() / 4);
          std::uint32_t word = 0;
          std::memcpy(&word, at, sizeof word);
          word += static_cast<std::uint32_t>(roll.number());
          std::memcpy(at, &word, sizeof word);
        }
        break;
    }
  }
}

std::string message_of(const connection& c) {
  std::string out = c.header;
  for (const attribute& a : c.attributes) {
    const auto length = static_cast<std::uint16_t>(a.payload.size() + 4);
    char head[4];
    std::memcpy(head, &length, 2);
    std::memcpy(head + 2, &a.type, 2);
    out.append(head, 4).append(a.payload);
    out.resize(tcpinfo::wire::align4(out.size()));
  }
  return out + c.tail;
}

// ---------------------------------------------------------------------------------------------
// Archives

std::string any_text(dice& roll) {
  static constexpr std::array<std::string_view, 8> texts{
      "", "host", "6.1.0", "big", "\"quoted\" <&>\n", "\xc3\xa4\xe2\x80\xa8", "\xff\xfe", "10ms"};
  if (roll(10) > 0) return std::string(roll.of(texts));
  std::string text = roll.noise(roll(200));
  std::erase(text, '\0');
  return text;
}

tcpinfo::timestamp any_time(dice& roll) {
  // Within what 64 bits of nanoseconds hold.
  const auto ns = static_cast<std::int64_t>(roll.number()) / 2;
  return tcpinfo::timestamp::from_unix_nanoseconds(ns);
}

told_metadata any_metadata(dice& roll) {
  told_metadata m;
  char uuid[64];
  const auto cookie = static_cast<unsigned long long>(roll.number());
  std::snprintf(uuid, sizeof uuid, roll(4) == 0 ? "host_%016llx" : "host_%016llX", cookie);
  m.uuid = roll(8) == 0 ? any_text(roll) : uuid;
  m.sequence = roll(3) == 0 ? roll.number() : roll(3);
  m.start_time = any_time(roll);
  for (std::string told_metadata::*const key :
       {&told_metadata::host, &told_metadata::kernel, &told_metadata::collector,
        &told_metadata::interval, &told_metadata::run, &told_metadata::netns,
        &told_metadata::byte_order, &told_metadata::policy})
    if (roll(2) == 0) m.*key = any_text(roll);
  if (roll(3) == 0) m.opened = any_time(roll);
  return m;
}

struct archive {
  std::string path;
  std::optional<told_metadata> about;
  connection socket;
  tcpinfo::timestamp time;
  std::uint64_t poll = 0;
  bool begun = false;  // in a block before

  // In the block that is being made.
  bool in_block = false;
  std::uint32_t number = 0;
  std::vector<std::string> lines;
  bool goes_on = false;
};

archive any_archive(std::size_t which, dice& roll) {
  archive a;
  if (roll(4) > 0) a.about = any_metadata(roll);
  a.path = "archive " + std::to_string(which);
  if (a.about && roll(2) == 0) {
    std::array<char, tcpinfo::max_archive_path_size> path;
    const std::size_t size =
        tcpinfo::format_archive_path(roll(2) == 0 ? a.about->start_time : any_time(roll),
                                     a.about->uuid, a.about->sequence, path, nullptr);
    if (size > 0) a.path.assign(path.data(), size);
  }
  a.socket = new_connection(roll);
  a.time = any_time(roll);
  return a;
}

void advance(archive& a, dice& roll) {
  std::int64_t ns = a.time.unix_nanoseconds().value();
  switch (roll(5)) {
    case 0:
      break;
    case 1:
      ns = static_cast<std::int64_t>(roll.number()) / 2;
      break;
    default: {
      const std::int64_t step =
          static_cast<std::int64_t>(roll(1000)) * (roll(3) == 0 ? 1 : 100'000);
      ns = std::clamp<std::int64_t>(ns, -(std::int64_t{1} << 62), std::int64_t{1} << 62) + step;
      break;
    }
  }
  a.time = tcpinfo::timestamp::from_unix_nanoseconds(ns);
  a.poll = roll(4) == 0 ? roll.number() : a.poll + roll(3);
}

tcpinfo::record_extras any_extras(const archive& a, dice& roll) {
  tcpinfo::record_extras extras;
  if (roll(4) > 0) extras.poll = a.poll;
  if (roll(8) == 0) extras.ended = any_time(roll);
  if (roll(8) == 0) extras.carried = static_cast<std::uint32_t>(roll.number());
  if (roll(8) == 0) extras.thinned = static_cast<std::uint32_t>(roll.number());
  return extras;
}

// ---------------------------------------------------------------------------------------------
// A case

class round_trip {
 public:
  explicit round_trip(dice& roll) : roll_(roll) {
    tcpinfo::segment_options options;
    options.level = 1 + static_cast<std::int32_t>(roll(4));
    REQUIRE(!writer().create(options));
    for (std::size_t n = 1 + roll(6); n > 0; --n) archives_.push_back(any_archive(n, roll));
  }

  void write() {
    for (std::size_t steps = 1 + roll_(roll_(5) == 0 ? 400 : 60); steps > 0; --steps) {
      if (roll_(15) == 0) flush();
      add(roll_.of(archives_));
    }
    flush();
    bytes_view index;
    REQUIRE(!writer().finish(index));
    bytes_ += text_of(index);
    REQUIRE(notes_.duplicates == line_notes_.duplicates);
    REQUIRE(notes_.secrets == line_notes_.secrets);
    REQUIRE(notes_.unread_bytes == line_notes_.unread_bytes);
  }

  void read() {
    std::vector<read_part> wanted;
    for (const auto& block : blocks_) wanted.insert(wanted.end(), block.begin(), block.end());
    static tcpinfo::segment_reader reader;
    REQUIRE(!reader.open_memory(bytes_of(bytes_)));
    const read_result read = drain(reader);
    REQUIRE(read.faults.empty());
    REQUIRE(read.missing == 0);
    REQUIRE(read.blocks == blocks_.size());
    REQUIRE(sorted(read.parts) == sorted(wanted));
    read_as_records(read.parts);
    damage();
  }

 private:
  // One for all cases: what was in a block or a segment before changes nothing.
  static tcpinfo::segment_writer& writer() {
    static tcpinfo::segment_writer one;
    return one;
  }

  // The order of the archives in a block is the writer's; no two have the same first line and path
  // and lines.
  static std::vector<read_part> sorted(std::vector<read_part> parts) {
    std::sort(parts.begin(), parts.end(), [](const read_part& a, const read_part& b) {
      return std::tie(a.path, a.about, a.lines, a.goes_on) <
             std::tie(b.path, b.about, b.lines, b.goes_on);
    });
    return parts;
  }

  void begin(archive& a) {
    tcpinfo::segment_archive given;
    tcpinfo::metadata about;
    if (a.about) {
      about = a.about->view();
      given.about = &about;
    }
    given.path = a.path;
    given.goes_on = a.begun ? 1 : 0;
    REQUIRE(!writer().begin(given, a.number));
    a.goes_on = a.begun;
    a.in_block = true;
  }

  void add(archive& a) {
    if (!a.in_block) begin(a);
    if (roll_(12) == 0) {
      // No record: that is told by its first byte below.
      const std::string line = "x" + roll_.noise(roll_(50)) + (roll_(3) == 0 ? "" : "\n");
      REQUIRE(!writer().add_line(a.number, line));
      a.lines.push_back(line);
      return;
    }
    change(a.socket, roll_);
    advance(a, roll_);
    const std::string bytes = message_of(a.socket);
    const tcpinfo::message m{bytes_of(bytes)};
    const tcpinfo::record_extras extras = any_extras(a, roll_);
    REQUIRE(!writer().add(a.number, a.time, m, extras, &notes_));
    a.lines.push_back(line_of(a.time, m, extras, &line_notes_));
  }

  void flush() {
    std::vector<read_part> block;
    for (archive& a : archives_) {
      if (a.in_block && !a.lines.empty()) {
        read_part part{a.path, a.about ? line_of(a.about->view()) : std::string(), a.goes_on,
                       std::move(a.lines)};
        block.push_back(std::move(part));
        a.begun = true;
      }
      a.lines.clear();
      a.in_block = false;
    }
    bytes_view frame;
    REQUIRE(!writer().flush(frame));
    REQUIRE(frame.empty() == block.empty());
    if (block.empty()) return;
    frames_.push_back(text_of(frame));
    bytes_ += frames_.back();
    blocks_.push_back(std::move(block));
  }

  // Without faults, which lines of noise make.
  static std::vector<std::string> lines_of(tcpinfo::record_reader& reader, std::size_t parts) {
    std::vector<std::string> lines;
    std::size_t begins = 0;
    for (read_record& r : drain(reader)) {
      begins += r.begins ? 1 : 0;
      if (r.fault) continue;
      REQUIRE(!r.goes_on || r.begins);
      lines.push_back(std::move(r.line));
    }
    REQUIRE(begins <= parts);
    return lines;
  }

  // The parts as they came, record by record.
  void read_as_records(const std::vector<read_part>& parts) {
    std::vector<std::string> wanted;
    for (const read_part& part : parts) {
      if (!part.about.empty()) {
        // As it is when its line is read and written again.
        tcpinfo::record about;
        REQUIRE(!about.parse(part.about));
        wanted.push_back(line_of(about));
      }
      for (const std::string& line : part.lines)
        if (line.starts_with('{')) wanted.push_back(line);
    }
    static tcpinfo::record_reader reader;
    REQUIRE(!reader.open_memory(bytes_of(bytes_)));
    REQUIRE(lines_of(reader, parts.size()) == wanted);
    pieces input{bytes_, 1 + roll_(300)};
    const auto hand_over = [](void* user, std::span<std::byte> out,
                              std::size_t& n) noexcept -> std::error_code {
      pieces& p = *static_cast<pieces*>(user);
      n = std::min({p.size, out.size(), p.left.size()});
      std::memcpy(out.data(), p.left.data(), n);
      p.left.remove_prefix(n);
      return {};
    };
    tcpinfo::stream_reader stream;
    REQUIRE(!stream.open_callback(hand_over, &input));
    REQUIRE(!reader.open_stream(stream, {}));
    REQUIRE(lines_of(reader, parts.size()) == wanted);
  }

  // One block is damaged or not there.
  void damage() {
    const std::size_t hit = roll_(frames_.size());
    const bool is_cut = roll_(2) == 0;
    std::string bytes;
    std::vector<read_part> left;
    std::vector<read_part> all;
    std::uint64_t records = 0;
    for (std::size_t i = 0; i < frames_.size(); ++i) {
      all.insert(all.end(), blocks_[i].begin(), blocks_[i].end());
      if (i != hit) {
        bytes += frames_[i];
        left.insert(left.end(), blocks_[i].begin(), blocks_[i].end());
        continue;
      }
      for (const read_part& part : blocks_[i]) records += part.lines.size();
      if (is_cut) continue;
      std::string frame = frames_[i];
      const std::size_t at = roll_(frame.size());
      frame[at] = static_cast<char>(frame[at] ^ static_cast<char>(1 + roll_(255)));
      bytes += frame;
    }
    const read_result read = read_segment(bytes);
    REQUIRE(read.faults.size() <= 1);
    // Where the frame alone is damaged, its block has its own checksum to be known by.
    if (!is_cut && sorted(read.parts) == sorted(all)) {
      REQUIRE(read.missing == 0);
      return;
    }
    REQUIRE(sorted(read.parts) == sorted(left));
    REQUIRE(read.faults.size() == (is_cut ? 0 : 1));
    REQUIRE(read.missing == (hit + 1 < frames_.size() ? records : 0));
  }

  struct pieces {
    std::string_view left;
    std::size_t size = 1;
  };

  dice& roll_;
  std::vector<archive> archives_;
  std::vector<std::string> frames_;
  std::vector<std::vector<read_part>> blocks_;
  std::string bytes_;
  tcpinfo::encode_notes notes_;
  tcpinfo::encode_notes line_notes_;
};

}  // namespace

int main(int argc, char** argv) {
  const unsigned long cases = argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 0;
  const unsigned long begin = argc > 2 ? std::strtoul(argv[2], nullptr, 10) : 0;
  if (cases == 0) {
    std::fputs("usage: segment_round_trip <cases> [<number of the first>]\n", stderr);
    return 2;
  }
  for (unsigned long number = begin; number < begin + cases; ++number) {
    current = number;
    dice roll(number);
    try {
      round_trip one(roll);
      one.write();
      one.read();
    } catch (const std::exception& e) {
      std::fprintf(stderr, "case %lu: %s\n", number, e.what());
      return 1;
    }
  }
  std::printf("%lu cases\n", cases);
  return 0;
}
