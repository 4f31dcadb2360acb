// SPDX-License-Identifier: Apache-2.0
//
// Damage costs what is damaged and no more: archives of a few frames are cut, flipped, added to and
// written over at random, the same in every run, and read.
//   archive_damage <cases> [<number of the first>]
//
// - Every record of an undamaged frame comes, in order, once.
// - Of a damaged frame come unflagged at most its first records; flagged, whatever its bytes say.
// - A damaged frame is one fault.
// - The pieces in which the input comes, and in which the content is asked for, change nothing.
#include <sys/socket.h>
#include <tcpinfo/archive.h>
#include <tcpinfo/zstd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <random>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "archive/base64.h"

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

using tcpinfo::bytes_view;

bytes_view bytes_of(std::string_view text) { return std::as_bytes(std::span(text)); }

// std::uniform_int_distribution differs between libraries; the generator does not.
class dice {
 public:
  explicit dice(std::uint64_t seed) : random_(seed) {}
  std::size_t operator()(std::size_t sides) {
    return sides == 0 ? 0 : static_cast<std::size_t>(random_() % sides);
  }
  std::string noise(std::size_t size) {
    std::string out(size, '\0');
    for (char& c : out) c = static_cast<char>((*this)(256));
    return out;
  }

 private:
  std::mt19937_64 random_;
};

// ---------------------------------------------------------------------------------------------
// Frames to make archives of

struct frame {
  std::string bytes;
  std::vector<std::string> lines;
  bool skippable = false;
};

std::string compress(std::string_view text, std::int32_t level) {
  tcpinfo::frame_writer writer;
  REQUIRE(!writer.create(level));
  std::string out(tcpinfo::frame_writer::bound(text.size()), '\0');
  std::size_t n = 0;
  REQUIRE(!writer.compress(bytes_of(text), std::as_writable_bytes(std::span(out)), n));
  out.resize(n);
  return out;
}

std::string record_line(std::size_t number, dice& roll) {
  std::string idm(72, '\0');
  std::memcpy(idm.data(), &number, sizeof number);
  // Bytes that compress, and bytes that do not.
  const std::string some = roll.noise(roll(64));
  std::memcpy(idm.data() + sizeof number, some.data(), some.size());
  std::string encoded(tcpinfo::base64::encoded_size(idm.size()), '\0');
  tcpinfo::base64::encode(bytes_of(idm).data(), idm.size(), encoded.data());
  return "{\"Timestamp\":\"2026-01-31T12:00:00Z\",\"RawIDM\":\"" + encoded +
         "\",\"Attributes\":[null]}";
}

frame make_frame(std::size_t number, dice& roll) {
  frame f;
  std::string text;
  for (std::size_t lines = roll(9); lines > 0; --lines) {
    f.lines.push_back(record_line(number * 16 + lines, roll));
    text += f.lines.back() + '\n';
  }
  static constexpr std::array<std::int32_t, 4> levels{1, 3, 9, 19};
  f.bytes = compress(text, levels[roll(levels.size())]);
  REQUIRE(f.bytes.size() <= 4096);
  return f;
}

frame make_skippable(dice& roll) {
  frame f;
  const auto size = static_cast<unsigned char>(roll(200));
  const char head[8] = {
      static_cast<char>(0x50 + roll(16)), 0x2a, 0x4d, 0x18, static_cast<char>(size), 0, 0, 0};
  f.bytes.assign(head, sizeof head);
  f.bytes += roll.noise(size);
  f.skippable = true;
  return f;
}

// ---------------------------------------------------------------------------------------------
// Damage

struct placed {
  const frame* what;
  std::size_t begin, end;  // in the archive as it was written
  bool damaged = false;
  bool gone = false;
};

struct archive {
  std::vector<placed> frames;
  std::string bytes;
  std::size_t foreign = 0;  // frames that may begin in what was put in
  bool stray = false;       // bytes of no frame
};

std::string piece(const archive& a, dice& roll) {
  const std::size_t size = 1 + roll(roll(4) == 0 ? 600 : 40);
  switch (roll(4)) {
    case 0:
      return std::string(size, '\0');
    case 1:
      return std::string(size, static_cast<char>(' ' + roll(90)));
    case 2: {
      // Of other frames, but no whole one: those are no damage.
      const std::size_t from = roll(a.bytes.size());
      return a.bytes.substr(from, std::min<std::size_t>(size, 60));
    }
    default:
      return roll.noise(size);
  }
}

// What [begin, end) of the archive as it was touches is damaged. A frame that is wholly in it may
// be `taken` out.
void touch(archive& a, std::size_t begin, std::size_t end, bool taken) {
  for (placed& p : a.frames) {
    if (p.begin >= end || p.end <= begin) continue;
    if (taken && p.begin >= begin && p.end <= end)
      p.gone = true;
    else
      p.damaged = true;
  }
}

// Places where a frame may be found in what was put in: behind each, reading may go on and end in a
// fault of its own.
std::size_t magics(std::string_view text) {
  std::size_t n = 0;
  for (std::size_t at = text.find("\x2a\x4d\x18"); at != std::string_view::npos;
       at = text.find("\x2a\x4d\x18", at + 1))
    if (at > 0 && (static_cast<unsigned char>(text[at - 1]) & 0xf0U) == 0x50) ++n;
  for (std::size_t at = text.find("\x28\xb5\x2f\xfd"); at != std::string_view::npos;
       at = text.find("\x28\xb5\x2f\xfd", at + 1))
    ++n;
  return n;
}

void damage(archive& a, dice& roll) {
  const std::size_t size = a.bytes.size();
  switch (roll(6)) {
    case 0: {  // cut at the end
      const std::size_t at = roll(size + 1);
      touch(a, at, size, true);
      a.bytes.resize(at);
      break;
    }
    case 1: {  // cut out
      const std::size_t begin = roll(size),
                        end = begin + 1 + roll(std::min(size - begin, 1 + roll(5000)));
      touch(a, begin, end, true);
      // What is left of two frames may make no fault of its own.
      a.bytes.erase(begin, end - begin);
      break;
    }
    case 2: {  // flipped
      const std::size_t at = roll(size);
      touch(a, at, at + 1, false);
      a.bytes[at] = static_cast<char>(a.bytes[at] ^ static_cast<char>(1 + roll(255)));
      break;
    }
    case 3: {  // put in
      const std::string what = piece(a, roll);
      const std::size_t at = roll(size + 1);
      for (placed& p : a.frames)
        if (p.begin < at && at < p.end) p.damaged = true;
      a.bytes.insert(at, what);
      a.foreign = magics(what);
      a.stray = true;
      break;
    }
    case 4: {  // written over
      const std::string what = piece(a, roll);
      const std::size_t at = roll(size);
      const std::size_t n = std::min(what.size(), size - at);
      for (std::size_t i = 0; i < n; ++i)
        if (a.bytes[at + i] != what[i]) touch(a, at + i, at + i + 1, false);
      a.bytes.replace(at, n, what, 0, n);
      a.foreign = magics(what);
      break;
    }
    default: {  // whole frames taken out, which is no damage
      placed& p = a.frames[roll(a.frames.size())];
      p.gone = true;
      a.bytes.erase(p.begin, p.end - p.begin);
      break;
    }
  }
}

// ---------------------------------------------------------------------------------------------
// Reading

struct outcome {
  std::vector<std::pair<std::string, bool>> records;  // line, flagged
  std::vector<std::error_code> faults;
};

outcome read_records(std::string_view bytes) {
  outcome out;
  tcpinfo::archive_reader reader;
  tcpinfo::record r;
  REQUIRE(!reader.open_memory(bytes_of(bytes)));
  for (bool more = true; more;) {
    const std::error_code ec = reader.next(r, more);
    if (ec)
      out.faults.push_back(ec);
    else if (more)
      out.records.emplace_back(reader.line(), reader.from_damaged_frame());
    REQUIRE(out.faults.size() + out.records.size() < 10'000);
  }
  return out;
}

// All the content, going on after each fault; the faults are in it.
std::string read_content(tcpinfo::stream_reader& reader, std::size_t piece) {
  std::string text, out(piece, '\0');
  for (std::size_t steps = 0; steps < 1'000'000; ++steps) {
    std::size_t n = 0;
    const std::error_code ec = reader.read(std::as_writable_bytes(std::span(out)), n);
    if (!ec && n == 0) return text;
    text.append(out, 0, n);
    if (ec) text += "\n[" + ec.message() + "]\n";
    if (ec && !reader.resume()) return text;
  }
  REQUIRE(false);
  return text;
}

// Packets keep the sizes in which they were sent: each is one read of the reader's.
int packets_of(std::string_view bytes, dice& roll) {
  int ends[2];
  REQUIRE(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0);
  const std::size_t most = std::max<std::size_t>(bytes.size() / 60, 1 + roll(4096));
  while (!bytes.empty()) {
    const std::size_t n = 1 + roll(std::min(bytes.size(), most));
    // A queue that is full takes the rest as one.
    const ssize_t sent = ::send(ends[1], bytes.data(), n, MSG_DONTWAIT);
    REQUIRE(sent == static_cast<ssize_t>(n));
    bytes.remove_prefix(n);
  }
  ::close(ends[1]);
  return ends[0];
}

void check_pieces(std::string_view bytes, dice& roll) {
  tcpinfo::stream_reader reader;
  REQUIRE(!reader.open_memory(bytes_of(bytes)));
  const std::string text = read_content(reader, std::size_t{1} << 17);
  REQUIRE(!reader.open_memory(bytes_of(bytes)));
  REQUIRE(read_content(reader, 1 + roll(300)) == text);
  const int packets = packets_of(bytes, roll);
  REQUIRE(!reader.open_fd(packets));
  REQUIRE(read_content(reader, 1 + roll(5000)) == text);
  ::close(packets);
}

// The same from a real pipe and a real stream socket, written to by somebody else.
void check_streams(std::string_view bytes, dice& roll) {
  tcpinfo::stream_reader reader;
  REQUIRE(!reader.open_memory(bytes_of(bytes)));
  const std::string text = read_content(reader, std::size_t{1} << 17);
  for (const bool is_socket : {false, true}) {
    int ends[2];
    REQUIRE((is_socket ? ::socketpair(AF_UNIX, SOCK_STREAM, 0, ends) : ::pipe(ends)) == 0);
    const std::size_t first = roll(bytes.size() + 1);
    std::thread writer([&] {
      for (const std::string_view part : {bytes.substr(0, first), bytes.substr(first)}) {
        REQUIRE(::write(ends[1], part.data(), part.size()) == static_cast<ssize_t>(part.size()));
        std::this_thread::yield();
      }
      ::close(ends[1]);
    });
    REQUIRE(!reader.open_fd(ends[0]));
    REQUIRE(read_content(reader, 4096) == text);
    writer.join();
    ::close(ends[0]);
  }
}

// ---------------------------------------------------------------------------------------------
// Judging

// A skippable frame's length is believed: what stands in it is passed over.
std::vector<std::pair<std::size_t, std::size_t>> believed(std::string_view bytes) {
  std::vector<std::pair<std::size_t, std::size_t>> out;
  for (std::size_t at = 0; at + 8 <= bytes.size(); ++at) {
    if ((static_cast<unsigned char>(bytes[at]) & 0xf0U) != 0x50 ||
        bytes.substr(at + 1, 3) != "\x2a\x4d\x18")
      continue;
    std::uint32_t size = 0;
    std::memcpy(&size, bytes.data() + at + 4, sizeof size);
    out.emplace_back(at, at + 8 + size);
  }
  return out;
}

// Frames begin alike: what is left of two that were cut may be one of them.
bool is_whole(const archive& a) {
  std::string_view left = a.bytes;
  while (!left.empty()) {
    const auto next = std::find_if(a.frames.begin(), a.frames.end(), [&](const placed& p) {
      return left.starts_with(p.what->bytes);
    });
    if (next == a.frames.end()) return false;
    left.remove_prefix(next->what->bytes.size());
  }
  return true;
}

void judge(const archive& a, const outcome& read) {
  std::map<std::string_view, std::pair<std::size_t, std::size_t>> where;
  for (std::size_t i = 0; i < a.frames.size(); ++i)
    for (std::size_t k = 0; k < a.frames[i].what->lines.size(); ++k)
      where[a.frames[i].what->lines[k]] = {i, k};
  std::vector<std::size_t> come(a.frames.size()), flagged(a.frames.size());
  std::pair<std::size_t, std::size_t> last{0, 0};
  bool first = true;
  for (const auto& [line, is_flagged] : read.records) {
    const auto found = where.find(line);
    if (is_flagged) {
      if (found != where.end()) ++flagged[found->second.first];
      continue;
    }
    REQUIRE(found != where.end());
    REQUIRE(first || found->second > last);
    // No line of a frame without those before it.
    REQUIRE(found->second.second == come[found->second.first]);
    first = false;
    last = found->second;
    ++come[last.first];
  }
  const auto passed_over = believed(a.bytes);
  std::size_t damaged = 0;
  bool harmless = true;
  for (std::size_t i = 0; i < a.frames.size(); ++i) {
    const placed& p = a.frames[i];
    const std::size_t lines = p.what->lines.size();
    if (p.gone) {
      // A copy of it may have been put in.
      continue;
    }
    if (p.damaged) {
      ++damaged;
      harmless = harmless && (p.what->skippable || come[i] == lines);
      continue;
    }
    const std::size_t at = a.bytes.find(p.what->bytes);
    REQUIRE(at != std::string::npos);
    const bool hidden = std::any_of(passed_over.begin(), passed_over.end(),
                                    [&](const auto& s) { return s.first < at && at < s.second; });
    if (hidden) {
      harmless = false;
      ++damaged;
      continue;
    }
    REQUIRE(come[i] == lines);
    REQUIRE(flagged[i] == 0);
  }
  // Without its head, a frame whose block is not compressed may be read as text, line by line.
  const bool is_text = a.bytes.starts_with('{');
  REQUIRE(is_text || read.faults.size() <= damaged + a.foreign + (a.stray ? 1 : 0));
  if (!harmless) REQUIRE(!read.faults.empty() || !passed_over.empty() || is_whole(a));
}

}  // namespace

int main(int argc, char** argv) {
  const unsigned long cases = argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 0;
  const unsigned long begin = argc > 2 ? std::strtoul(argv[2], nullptr, 10) : 0;
  if (cases == 0) {
    std::fputs("usage: archive_damage <cases> [<number of the first>]\n", stderr);
    return 2;
  }
  dice roll(20260131);
  std::vector<frame> frames;
  for (std::size_t i = 0; i < 1000; ++i) frames.push_back(make_frame(i, roll));
  for (std::size_t i = 0; i < 100; ++i) frames.push_back(make_skippable(roll));
  std::size_t faults = 0, whole = 0;
  for (unsigned long number = begin; number < begin + cases; ++number) {
    dice now(number);
    archive a;
    std::vector<std::size_t> chosen;
    for (std::size_t n = 1 + now(5); n > 0; --n) {
      const std::size_t at = now(8) == 0 ? 1000 + now(100) : now(1000);
      if (std::find(chosen.begin(), chosen.end(), at) != chosen.end()) continue;
      chosen.push_back(at);
      const std::size_t here = a.bytes.size();
      a.bytes += frames[at].bytes;
      a.frames.push_back({&frames[at], here, a.bytes.size(), false, false});
    }
    damage(a, now);
    current = number;
    const outcome read = read_records(a.bytes);
    judge(a, read);
    check_pieces(a.bytes, now);
    if (number % 256 == 0) check_streams(a.bytes, now);
    faults += read.faults.size();
    whole += read.faults.empty() ? 1 : 0;
  }
  std::printf("%lu archives, %zu without a fault, %zu faults in the others\n", cases, whole,
              faults);
  return 0;
}
