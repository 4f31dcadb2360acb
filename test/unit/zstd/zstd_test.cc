// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sys/resource.h>
#include <tcpinfo/zstd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <initializer_list>
#include <iterator>
#include <random>
#include <string>
#include <thread>
#include <tuple>
#include <vector>

#include "unit/catch.h"
#include "unit/sanitized.h"

using tcpinfo::bytes_view;
using tcpinfo::errc;

namespace {

using buffer = std::vector<std::byte>;

bytes_view view(std::string_view text) { return std::as_bytes(std::span(text)); }

buffer operator+(buffer a, const buffer& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

buffer frame(std::string_view text, std::int32_t level = 3) {
  tcpinfo::frame_writer writer;
  REQUIRE_FALSE(writer.create(level));
  buffer out(tcpinfo::frame_writer::bound(text.size()));
  std::size_t n = 0;
  REQUIRE_FALSE(writer.compress(view(text), out, n));
  out.resize(n);
  return out;
}

buffer skippable(std::string_view content) {
  const std::uint8_t header[8] = {0x53, 0x2a, 0x4d, 0x18, static_cast<std::uint8_t>(content.size()),
                                  0,    0,    0};
  buffer out(8 + content.size());
  std::memcpy(out.data(), header, 8);
  std::memcpy(out.data() + 8, content.data(), content.size());
  return out;
}

struct result {
  std::string text;
  std::error_code fault;
  std::uint64_t frames = 0;
  std::uint64_t whole_end = 0;
  std::uint64_t whole_content = 0;
  std::uint64_t consumed = 0;
  bool is_zstd = false;
};

result drain(tcpinfo::stream_reader& reader, std::size_t piece) {
  result r;
  std::string out(piece, '\0');
  for (;;) {
    std::size_t n = 0;
    r.fault = reader.read(std::as_writable_bytes(std::span(out)), n);
    if (r.fault) {
      CHECK(n == 0);
      CHECK(reader.read(std::as_writable_bytes(std::span(out)), n) == r.fault);  // it stays
      break;
    }
    if (n == 0) break;
    r.text.append(out, 0, n);
  }
  CHECK(reader.content_offset() == r.text.size());
  r.frames = reader.frames();
  r.whole_end = reader.whole_frames_end();
  r.whole_content = reader.whole_frames_content();
  r.consumed = reader.compressed_offset();
  r.is_zstd = reader.is_zstd();
  return r;
}

result read_all(bytes_view bytes, std::size_t piece = 4096) {
  tcpinfo::stream_reader reader;
  REQUIRE_FALSE(reader.open_memory(bytes));
  return drain(reader, piece);
}

std::string noise(std::size_t size, unsigned seed) {
  std::mt19937 random(seed);
  std::string text(size, '\0');
  for (char& c : text) c = static_cast<char>(random() & 0xff);
  return text;
}

// Compresses some, but not to almost nothing.
std::string prose(std::size_t size, unsigned seed) {
  std::mt19937 random(seed);
  std::string text;
  while (text.size() < size) text += "word" + std::to_string(random() % 1000) + ' ';
  text.resize(size);
  return text;
}

class temporary_file {
 public:
  temporary_file() : fd_(mkstemp(name_.data())) { REQUIRE(fd_ >= 0); }
  ~temporary_file() {
    close(fd_);
    unlink(name_.data());
  }
  temporary_file(const temporary_file&) = delete;
  temporary_file& operator=(const temporary_file&) = delete;
  void write(bytes_view bytes) const {
    REQUIRE(::write(fd_, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()));
    REQUIRE(lseek(fd_, 0, SEEK_SET) == 0);
  }
  int fd() const { return fd_; }
  const char* name() const { return name_.data(); }

 private:
  std::string name_ = "/tmp/tcpinfo_zstd_test_XXXXXX";
  int fd_;
};

}  // namespace

TEST_CASE("a frame is found behind noise that begins with blank lines, and behind blanks") {
  const std::string line = "{\"Timestamp\":1}\n";
  const buffer compressed = frame(line);
  const std::string_view whole(reinterpret_cast<const char*>(compressed.data()), compressed.size());
  for (const std::string& before : {std::string("\x0c\x0a\x97\xe3\xbe\x13\x98"),
                                    std::string(589, ' '), std::string("\n\n\x01\x02")}) {
    const std::string bytes = before + std::string(whole);
    tcpinfo::stream_reader reader;
    REQUIRE_FALSE(reader.open_memory(std::as_bytes(std::span(bytes))));
    std::string text;
    for (std::vector<std::byte> out(4096);;) {
      std::size_t n = 0;
      const auto ec = reader.read(out, n);
      if (!ec && n == 0) break;
      text.append(reinterpret_cast<const char*>(out.data()), n);
      if (ec && !reader.resume()) break;
    }
    CHECK(text == line);
  }
}

TEST_CASE("a frame holds everything, its size and a checksum") {
  for (const std::string& text :
       {std::string(), std::string("x"), prose(1000, 1), prose(700'000, 2), noise(300'000, 3)}) {
    const buffer f = frame(text);
    // Magic, then the descriptor: content size flag or single segment, and the checksum flag.
    REQUIRE(f.size() >= 6);
    const auto descriptor = std::to_integer<unsigned>(f[4]);
    CHECK((descriptor & 0x04U) != 0);
    CHECK(((descriptor & 0xc0U) != 0 || (descriptor & 0x20U) != 0));
    for (const std::size_t piece : {std::size_t{1} << 20, std::size_t{1000}}) {
      const result r = read_all(f, piece);
      CHECK_FALSE(r.fault);
      CHECK(r.text == text);
      CHECK(r.frames == 1);
      CHECK(r.whole_end == f.size());
      CHECK(r.whole_content == text.size());
      CHECK(r.is_zstd);
    }
  }
}

TEST_CASE("a writer serves many frames with one context") {
  tcpinfo::frame_writer writer;
  std::size_t n = 1;
  buffer out(tcpinfo::frame_writer::bound(100'000));
  CHECK(writer.compress({}, out, n) == errc::not_open);
  CHECK(n == 0);
  CHECK(writer.memory_bytes() == 0);
  REQUIRE_FALSE(writer.create(3));
  buffer all;
  std::string text;
  std::size_t memory = 0;
  for (unsigned i = 0; i < 50; ++i) {
    const std::string part = prose(i * 1000, i);
    REQUIRE_FALSE(writer.compress(view(part), out, n));
    all.insert(all.end(), out.begin(), out.begin() + static_cast<std::ptrdiff_t>(n));
    text += part;
    // The same input gives the same frame: nothing passes on from the frame before.
    std::size_t again = 0;
    buffer second(out.size());
    REQUIRE_FALSE(writer.compress(view(part), second, again));
    CHECK(again == n);
    CHECK(std::equal(out.begin(), out.begin() + static_cast<std::ptrdiff_t>(n), second.begin()));
    memory = std::max(memory, writer.memory_bytes());
  }
  CHECK(memory > 0);
  CHECK(memory < std::size_t{8} << 20);
  const result r = read_all(all);
  CHECK_FALSE(r.fault);
  CHECK(r.text == text);
  CHECK(r.frames == 50);

  std::array<std::byte, 8> small;
  CHECK(writer.compress(view(text), small, n) == errc::buffer_too_small);
  CHECK(n == 0);
  REQUIRE_FALSE(writer.compress(view("after an error"), out, n));
  CHECK(read_all({out.data(), n}).text == "after an error");

  for (const std::int32_t level : {0, -1, 23, 1000})
    CHECK(tcpinfo::frame_writer().create(level) == errc::invalid_argument);
  tcpinfo::frame_options options;
  options.window_log = 9;
  CHECK(writer.create(options) == errc::invalid_argument);
  options.window_log = 17;
  options.level = 19;
  CHECK_FALSE(writer.create(options));

  tcpinfo::frame_writer moved = std::move(writer);
  CHECK_FALSE(moved.compress(view("x"), out, n));
}

TEST_CASE("what is zstd, the content says") {
  CHECK(read_all({}).text.empty());
  CHECK_FALSE(read_all({}).fault);
  CHECK_FALSE(read_all({}).is_zstd);
  for (const std::string_view text : {"{", "P", "(", "{}\n", "PK", "plain text\n"}) {
    if (text == "(") continue;  // begins the magic number: below
    const result r = read_all(view(text));
    CHECK_FALSE(r.fault);
    CHECK(r.text == text);
    CHECK_FALSE(r.is_zstd);
    CHECK(r.whole_end == 0);
    CHECK(r.consumed == text.size());
  }
  const std::string large = noise(500'000, 9);
  CHECK(read_all(view("x" + large), 777).text == "x" + large);
  CHECK(read_all(view("(")).fault == errc::truncated_frame);
  CHECK(read_all(view("(\xb5")).fault == errc::truncated_frame);
  CHECK_FALSE(read_all(view("(b")).fault);
}

TEST_CASE("frames follow one another, skippable ones among them") {
  const buffer all =
      skippable("first") + frame("a") + frame("") + skippable("") + frame("b") + skippable("last");
  for (const std::size_t piece : {std::size_t{1}, std::size_t{2}, std::size_t{100}}) {
    const result r = read_all(all, piece);
    CHECK_FALSE(r.fault);
    CHECK(r.text == "ab");
    CHECK(r.frames == 6);
    CHECK(r.whole_end == all.size());
    CHECK(r.consumed == all.size());
  }
}

TEST_CASE("a file cut anywhere gives all that stands before the cut") {
  const std::vector<std::string> parts = {prose(3000, 1), prose(10, 2), "", prose(5000, 3)};
  buffer all;
  std::vector<std::size_t> ends;
  std::string text;
  std::vector<std::string> whole;
  for (const std::string& p : parts) {
    all = all + frame(p);
    text += p;
    ends.push_back(all.size());
    whole.push_back(text);
  }
  for (std::size_t cut = 0; cut <= all.size(); ++cut) {
    const bytes_view some = bytes_view(all).first(cut);
    const auto complete = static_cast<std::size_t>(
        std::count_if(ends.begin(), ends.end(), [&](std::size_t e) { return e <= cut; }));
    const std::size_t end = complete == 0 ? 0 : ends[complete - 1];
    const std::string expected = complete == 0 ? "" : whole[complete - 1];
    const result r = read_all(some, 64);
    INFO("cut at " << cut);
    REQUIRE(r.frames == complete);
    REQUIRE(r.whole_end == end);
    REQUIRE(r.whole_content == expected.size());
    REQUIRE(r.text.substr(0, expected.size()) == expected);
    REQUIRE(text.starts_with(r.text));
    if (cut == end)
      REQUIRE_FALSE(r.fault);
    else
      REQUIRE(r.fault == errc::truncated_frame);

    tcpinfo::frame_scan scan;
    REQUIRE_FALSE(tcpinfo::scan_frames(some, scan));
    REQUIRE(scan.frames == complete);
    REQUIRE(scan.whole_end == end);
    REQUIRE(scan.content_bytes == expected.size());
    REQUIRE(scan.fault == (cut == end ? errc::ok : errc::truncated_frame));
  }
}

TEST_CASE("a cut behind the first byte of a skippable frame is a cut") {
  buffer bytes = frame("text");
  bytes.push_back(std::byte{0x5b});
  const result r = read_all(bytes);
  CHECK(r.fault == errc::truncated_frame);
  CHECK(r.text == "text");
  bytes.back() = std::byte{'x'};  // no frame begins so
  CHECK(read_all(bytes).fault == errc::corrupt_frame);
}

TEST_CASE("blocks before the fault are delivered, whatever the caller's buffer") {
  // Noise is stored, so that blocks are 128 KiB each and their places are known.
  const std::string text = noise(600'000, 4);
  const buffer whole = frame(text);
  constexpr std::size_t block = std::size_t{128} << 10;
  for (const std::size_t piece : {std::size_t{100}, block, std::size_t{1} << 21}) {
    const result cut = read_all(bytes_view(whole).first(3 * block), piece);
    CHECK(cut.fault == errc::truncated_frame);
    CHECK(cut.text.size() >= 2 * block);
    CHECK(text.starts_with(cut.text));

    // The third block's header says a reserved type.
    buffer broken = whole;
    const std::size_t header = whole.size() - text.size() - 4 - 5 * 3;
    const std::size_t third = header + 2 * (block + 3);
    broken[third] |= std::byte{6};
    const result r = read_all(broken, piece);
    CHECK(r.fault == errc::corrupt_frame);
    CHECK(r.text.size() == 2 * block);
    CHECK(text.starts_with(r.text));
    CHECK(r.frames == 0);
  }
}

TEST_CASE("corruption is found, and nothing after it is data") {
  const buffer first = frame(prose(4000, 5));
  const buffer second = frame(prose(4000, 6));
  const buffer third = frame(prose(4000, 7));
  const buffer all = first + second + third;
  std::size_t noticed = 0;
  for (std::size_t at = first.size(); at < first.size() + second.size(); ++at) {
    buffer broken = all;
    broken[at] ^= std::byte{0x10};
    const result r = read_all(broken, 100);
    INFO("byte " << at);
    REQUIRE(r.text.starts_with(prose(4000, 5)));
    // A few bits mean nothing; then nothing is lost either.
    if (!r.fault) {
      REQUIRE(r.text == prose(4000, 5) + prose(4000, 6) + prose(4000, 7));
      continue;
    }
    ++noticed;
    REQUIRE(r.frames == 1);
    REQUIRE(r.whole_end == first.size());
  }
  CHECK(noticed > second.size() * 9 / 10);

  buffer bad_checksum = first + second;
  bad_checksum.back() ^= std::byte{1};
  result r = read_all(bad_checksum);
  CHECK(r.fault == errc::wrong_checksum);
  CHECK(r.text == prose(4000, 5) + prose(4000, 6));
  CHECK(r.whole_end == first.size());
  CHECK(r.whole_content == 4000);

  buffer trailing = first;
  trailing.insert(trailing.end(), 100, std::byte{0});
  r = read_all(trailing);
  CHECK(r.fault == errc::corrupt_frame);
  CHECK(r.text == prose(4000, 5));
  CHECK(r.whole_end == first.size());
}

TEST_CASE("reading can go on with the next frame") {
  const buffer good = frame("good");
  buffer bad =
      frame("bad, and long enough to be compressed: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
  bad[bad.size() - 1] ^= std::byte{1};  // of the checksum
  const buffer all = good + bad + skippable("x") + good;
  tcpinfo::stream_reader reader;
  CHECK_FALSE(reader.resume());
  REQUIRE_FALSE(reader.open_memory(all));
  CHECK_FALSE(reader.resume());  // there is no fault
  const result before = drain(reader, 100);
  CHECK(before.fault == errc::wrong_checksum);
  CHECK(before.text.starts_with("good"));
  REQUIRE(reader.resume());
  std::string out(100, '\0');
  std::size_t n = 0;
  REQUIRE_FALSE(reader.read(std::as_writable_bytes(std::span(out)), n));
  CHECK(out.substr(0, n) == "good");
  REQUIRE_FALSE(reader.read(std::as_writable_bytes(std::span(out)), n));
  CHECK(n == 0);
  CHECK(reader.compressed_offset() == all.size());
  CHECK_FALSE(reader.resume());
}

namespace {

// All the content, going on after each fault.
struct salvaged {
  std::string text;
  std::vector<std::error_code> faults;
};

salvaged salvage(tcpinfo::stream_reader& reader) {
  salvaged out;
  std::string piece(100'000, '\0');
  for (;;) {
    std::size_t n = 0;
    const std::error_code ec = reader.read(std::as_writable_bytes(std::span(piece)), n);
    if (!ec && n == 0) return out;
    out.text.append(piece, 0, n);
    if (ec) out.faults.push_back(ec);
    if (ec && !reader.resume()) return out;
  }
}

salvaged salvage(bytes_view bytes) {
  tcpinfo::stream_reader reader;
  REQUIRE_FALSE(reader.open_memory(bytes));
  salvaged from_memory = salvage(reader);
  const temporary_file file;
  file.write(bytes);
  REQUIRE_FALSE(reader.open_fd(file.fd()));
  const salvaged from_file = salvage(reader);
  CHECK(from_file.text == from_memory.text);
  CHECK(from_file.faults == from_memory.faults);
  return from_memory;
}

}  // namespace

TEST_CASE("a frame that is cut takes no other one along") {
  // 30 frames, more than are read at once; the one that is cut ends in what was not read yet.
  std::vector<std::string> texts;
  std::vector<buffer> frames;
  for (unsigned i = 0; i < 30; ++i) {
    texts.push_back(prose(45'000, i));
    frames.push_back(frame(texts.back()));
  }
  REQUIRE(frames[0].size() * frames.size() > 300'000);
  for (const std::size_t victim : {std::size_t{0}, std::size_t{13}, std::size_t{28}}) {
    for (const std::size_t left : {std::size_t{5}, std::size_t{12}, frames[victim].size() / 2,
                                   frames[victim].size() - 4, frames[victim].size() - 1}) {
      buffer all;
      std::string before, after;
      for (std::size_t i = 0; i < frames.size(); ++i) {
        const auto size = static_cast<std::ptrdiff_t>(i == victim ? left : frames[i].size());
        all.insert(all.end(), frames[i].begin(), frames[i].begin() + size);
        if (i != victim) (i < victim ? before : after) += texts[i];
      }
      INFO("frame " << victim << ", " << left << " bytes of it");
      const salvaged got = salvage(all);
      REQUIRE(got.faults == std::vector<std::error_code>{errc::corrupt_frame});
      REQUIRE(got.text.starts_with(before));
      REQUIRE(got.text.ends_with(after));
      const std::size_t rest = got.text.size() - before.size() - after.size();
      // What has all its blocks has all its content.
      REQUIRE(rest == (left + 4 >= frames[victim].size() ? texts[victim].size() : 0));
    }
  }
}

TEST_CASE("a frame without its checksum is delivered once") {
  const std::string first = prose(3000, 1), last = prose(2000, 2);
  buffer all = frame(first) + frame(last);
  all.resize(all.size() - 4);
  const salvaged got = salvage(all);
  CHECK(got.text == first + last);
  CHECK(got.faults == std::vector<std::error_code>{errc::truncated_frame});
  tcpinfo::stream_reader reader;
  REQUIRE_FALSE(reader.open_memory(all));
  std::string out(first.size() + last.size(), '\0');
  std::size_t n = 0;
  REQUIRE_FALSE(reader.read(std::as_writable_bytes(std::span(out)), n));
  CHECK(n == first.size());
  CHECK_FALSE(reader.from_damaged_frame());
  REQUIRE_FALSE(reader.read(std::as_writable_bytes(std::span(out)), n));
  CHECK(n == last.size());
  CHECK(reader.from_damaged_frame());
}

TEST_CASE("a skippable frame may have any length") {
  for (const std::size_t size : {std::size_t{131'129}, std::size_t{131'136}, std::size_t{131'137},
                                 std::size_t{400'000}, std::size_t{3'000'000}}) {
    const std::string text = prose(1000, 3);
    // What looks like a frame in it is none.
    std::string inside = noise(size - 8, 4);
    const buffer hidden = frame("hidden");
    std::memcpy(inside.data() + 100, hidden.data(), hidden.size());
    buffer all = frame("before") + skippable("");
    // Little-endian, on every machine.
    for (std::size_t i = 0; i < 4; ++i)
      all[all.size() - 4 + i] = static_cast<std::byte>(inside.size() >> (8 * i));
    const auto content = view(inside);
    all.insert(all.end(), content.begin(), content.end());
    const std::size_t end = all.size();
    all = all + frame(text);
    const salvaged got = salvage(all);
    CHECK(got.text == "before" + text);
    CHECK(got.faults.empty());

    // Past the end of the input that is a fault, and what looks like a frame is one: its length may
    // be what is damaged. The last 1 MiB of it is looked at.
    all.resize(end - 1);
    const salvaged cut = salvage(all);
    CHECK(cut.text == (size > (1U << 20U) ? "before" : "beforehidden"));
    REQUIRE_FALSE(cut.faults.empty());
    CHECK(cut.faults.front() == errc::truncated_frame);
  }
}

TEST_CASE("a frame that is too large to be looked at as a whole is read on behind, too") {
  // Noise is stored: some 3 MB in 128 KiB blocks.
  const std::string large = noise(3'000'000, 6), small = prose(5000, 7);
  const buffer whole = frame(large);
  REQUIRE(whole.size() > large.size());
  for (const std::size_t left : {std::size_t{20}, std::size_t{1'000'000}, std::size_t{2'000'000},
                                 whole.size() - 4, whole.size() - 1}) {
    INFO(left << " bytes of it");
    buffer all = whole;
    all.resize(left);
    const salvaged got = salvage(frame(small) + all + frame(small) + frame(small));
    CHECK(got.faults.size() == 1);
    CHECK(got.text.starts_with(small));
    CHECK(got.text.ends_with(small + small));
    const std::size_t rest = got.text.size() - 3 * small.size();
    // A block that was cut has swallowed what follows before it was known.
    CHECK(rest + (std::size_t{256} << 10) > std::min(left, large.size()));
    CHECK(
        large.substr(0, left - std::min<std::size_t>(left, std::size_t{256} << 10)) ==
        got.text.substr(small.size(), left - std::min<std::size_t>(left, std::size_t{256} << 10)));
  }
}

// A frame of stored blocks that asks for a window of 64 MiB, `text` at the end of the second one.
buffer wide_frame(const buffer& text, bool with_checksum) {
  constexpr std::size_t block = std::size_t{100} << 10U;
  constexpr unsigned blocks = 16;
  buffer out;
  const auto put = [&](std::initializer_list<unsigned> bytes) {
    for (const unsigned b : bytes) out.push_back(static_cast<std::byte>(b));
  };
  put({0x28, 0xb5, 0x2f, 0xfd, with_checksum ? 4U : 0U, 16U << 3U});
  for (unsigned i = 0; i < blocks; ++i) {
    const unsigned head = static_cast<unsigned>(block) << 3U | (i + 1 == blocks ? 1U : 0U);
    put({head & 0xffU, head >> 8U & 0xffU, head >> 16U});
    out.resize(out.size() + block, std::byte{'w'});
    if (i == 1) std::copy(text.begin(), text.end(), out.end() - std::ssize(text));
  }
  // The checksum is wrong, and stands for nothing else.
  if (with_checksum) out.insert(out.end(), text.begin(), text.begin() + 4);
  return out;
}

// Whoever asks for more than this many bytes at once gets nothing, for as long as it lives.
class little_memory {
 public:
  explicit little_memory(rlim_t more) {
    rlim_t pages = 0;
    std::ifstream("/proc/self/statm") >> pages;
    REQUIRE(getrlimit(RLIMIT_AS, &before_) == 0);
    const rlimit less{pages * static_cast<rlim_t>(sysconf(_SC_PAGESIZE)) + more, before_.rlim_max};
    REQUIRE(setrlimit(RLIMIT_AS, &less) == 0);
  }
  ~little_memory() { setrlimit(RLIMIT_AS, &before_); }
  little_memory(const little_memory&) = delete;
  little_memory& operator=(const little_memory&) = delete;

 private:
  rlimit before_{};
};

TEST_CASE("a frame that there is no memory for is passed over, and what looks like one in it") {
  if (sanitized) return;  // nothing fails there
  for (const bool with_checksum : {false, true}) {
    const buffer large = wide_frame(frame("no frame"), with_checksum);
    const buffer all = frame("before") + large + frame("behind");
    const little_memory until(rlim_t{32} << 20U);
    const salvaged got = salvage(all);
    CHECK(got.text == "beforebehind");
    CHECK(got.faults == std::vector<std::error_code>{errc::out_of_memory});
    // Cut, it is read on behind, as of any frame that is cut.
    const salvaged cut = salvage(frame("before") + buffer(large.begin(), large.end() - 200'000));
    CHECK(cut.text == "before");
    CHECK(cut.faults == std::vector<std::error_code>{errc::out_of_memory});
  }
}

TEST_CASE("an archive whose first frame has lost its beginning is one") {
  const std::string first = prose(3000, 1), second = prose(3000, 2);
  for (const std::size_t lost : {std::size_t{1}, std::size_t{2}, std::size_t{4}, std::size_t{50}}) {
    buffer all = frame(first);
    all.erase(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(lost));
    const salvaged got = salvage(all + frame(second));
    CHECK(got.text == second);
    CHECK(got.faults == std::vector<std::error_code>{errc::corrupt_frame});
  }
}

TEST_CASE("a window above the limit is refused") {
  // Magic; no content size, no single segment; window descriptor 2^31.
  const std::uint8_t header[] = {0x28, 0xb5, 0x2f, 0xfd, 0x00, 0xa8, 0x01, 0x00, 0x00};
  const result r = read_all(std::as_bytes(std::span(header)));
  CHECK(r.fault == errc::window_too_large);
  tcpinfo::stream_reader reader;
  tcpinfo::stream_options options;
  options.max_window_log = 99;
  CHECK(reader.open_memory({}, options) == errc::invalid_argument);
  options.max_window_log = 10;
  REQUIRE_FALSE(reader.open_memory({}, options));
}

TEST_CASE("the dictionary that a frame needs is named, and reading goes on behind it") {
  // Magic; single segment, a dictionary's number of 1, 2 or 4 bytes, content size; one raw block.
  const std::string good = prose(3000, 1);
  for (const auto& [descriptor, number, expected] :
       {std::tuple{0x21, std::string("\x07"), 7U},
        {0x22, std::string("\x34\x12"), 0x1234U},
        {0x23, std::string("\x78\x56\x34\x12"), 0x12345678U}}) {
    const std::string text = std::string("\x28\xb5\x2f\xfd") + static_cast<char>(descriptor) +
                             number + std::string("\x03\x19\0\0abc", 7);
    buffer all(text.size());
    std::memcpy(all.data(), text.data(), text.size());
    tcpinfo::stream_reader reader;
    const buffer both = all + frame(good);
    REQUIRE_FALSE(reader.open_memory(both));
    const result r = drain(reader, 4096);
    CHECK(r.fault == errc::dictionary_needed);
    CHECK(r.text.empty());
    CHECK(reader.dictionary_needed() == expected);
    REQUIRE(reader.resume());
    CHECK(reader.dictionary_needed() == 0);
    std::string rest(good.size() + 1, '\0');
    std::size_t n = 0;
    REQUIRE_FALSE(reader.read(std::as_writable_bytes(std::span(rest)), n));
    CHECK(rest.substr(0, n) == good);
  }
  // A number of 0 is none.
  const std::string none("\x28\xb5\x2f\xfd\x21\0\x03\x19\0\0abc", 13);
  CHECK(read_all(std::as_bytes(std::span(none))).text == "abc");
}

namespace {

// Hands over memory in pieces.
struct pieces {
  bytes_view left;
  std::size_t size;
  std::error_code at_end;

  static std::error_code read(void* user, std::span<std::byte> out, std::size_t& n) noexcept {
    auto& p = *static_cast<pieces*>(user);
    n = std::min({p.size, p.left.size(), out.size()});
    if (n != 0) std::memcpy(out.data(), p.left.data(), n);
    p.left = p.left.subspan(n);
    return n == 0 ? p.at_end : std::error_code();
  }
};

}  // namespace

TEST_CASE("what a function hands over is read like a file, in pieces of any size") {
  const std::string text = prose(300'000, 1), more = prose(3000, 2);
  buffer cut = frame(text);
  cut.resize(cut.size() - 9);
  const buffer all = frame(more) + cut + frame(more);
  const salvaged whole = salvage(all);
  CHECK(whole.faults.size() == 1);
  for (const std::size_t size : {std::size_t{1}, std::size_t{3}, std::size_t{4096}, all.size()}) {
    pieces p{all, size, {}};
    tcpinfo::stream_reader reader;
    REQUIRE_FALSE(reader.open_callback(&pieces::read, &p));
    std::string got;
    std::string out(4096, '\0');
    do {
      for (std::size_t n = 1; n != 0;) {
        (void)reader.read(std::as_writable_bytes(std::span(out)), n);
        got.append(out, 0, n);
      }
    } while (reader.resume());
    CHECK(got == whole.text);
    CHECK(reader.compressed_offset() == all.size());
  }
  // Its errors are the reader's, behind all that came before, and the end.
  const buffer first = frame(more);
  pieces p{first, 100, std::make_error_code(std::errc::io_error)};
  tcpinfo::stream_reader reader;
  REQUIRE_FALSE(reader.open_callback(&pieces::read, &p));
  const result r = drain(reader, 4096);
  CHECK(r.text == more);
  CHECK(r.fault == std::errc::io_error);
  CHECK_FALSE(reader.resume());
  CHECK(reader.open_callback(nullptr, nullptr) == errc::invalid_argument);
}

TEST_CASE("a scan does not take damage before a good frame for the end of the input") {
  const buffer good = frame(prose(3000, 1));
  const buffer all = good + frame(noise(5000, 2)) + good;
  // Each bit of the second frame's header and of its block's, which has the length. (Two of them
  // change nothing that is decoded.)
  std::size_t found = 0;
  for (std::size_t at = good.size() + 4; at < good.size() + 16; ++at)
    for (unsigned bit = 0; bit < 8; ++bit) {
      buffer bad = all;
      bad[at] ^= static_cast<std::byte>(1U << bit);
      tcpinfo::frame_scan scan;
      REQUIRE_FALSE(tcpinfo::scan_frames(bad, scan));
      INFO(at << " " << bit);
      CHECK(scan.fault != errc::truncated_frame);
      CHECK(scan.whole_end >= good.size());
      ++found;
    }
  CHECK(found == 96);
}

TEST_CASE("a skippable frame whose length is damaged hides none of the frames behind it") {
  const buffer before = frame("before"), behind = frame("behind") + frame(prose(5000, 1));
  for (const std::size_t distance : {std::size_t{0}, std::size_t{1}, std::size_t{1'000'000}}) {
    const std::string index = noise(distance, 2);
    const auto content = view(index);
    buffer all = before + skippable("");
    const std::size_t length_at = all.size() - 4;
    for (std::size_t i = 0; i < 4; ++i)
      all[length_at + i] = static_cast<std::byte>(distance >> (8 * i));
    all.insert(all.end(), content.begin(), content.end());
    all = all + behind;
    const salvaged good = salvage(all);
    REQUIRE(good.faults.empty());
    all[length_at + 3] ^= std::byte{0x80};  // two gigabytes more
    for (const std::size_t size : {std::size_t{4096}, all.size()}) {
      pieces p{all, size, {}};
      tcpinfo::stream_reader reader;
      REQUIRE_FALSE(reader.open_callback(&pieces::read, &p));
      std::string got;
      std::string out(4096, '\0');
      std::vector<std::error_code> faults;
      do {
        std::error_code fault;
        for (std::size_t n = 1; n != 0 && !fault;) {
          fault = reader.read(std::as_writable_bytes(std::span(out)), n);
          got.append(out, 0, n);
        }
        if (fault) faults.push_back(fault);
      } while (reader.resume());
      CHECK(got == good.text);
      CHECK(faults == std::vector<std::error_code>{errc::truncated_frame});
    }
  }
}

TEST_CASE("where there is no next frame, asking again reads nothing that is gone") {
  // The next frame is looked for from the refused one's second byte on.
  const buffer refused = frame(prose(3000, 1));
  tcpinfo::stream_options options;
  options.max_window_log = 10;
  pieces p{refused, 7, {}};
  tcpinfo::stream_reader reader;
  REQUIRE_FALSE(reader.open_callback(&pieces::read, &p, options));
  CHECK(drain(reader, 100).fault == errc::window_too_large);
  for (int i = 0; i < 3; ++i) {
    CHECK_FALSE(reader.resume());
    std::array<std::byte, 10> out;
    std::size_t n = 0;
    CHECK(reader.read(out, n) == errc::window_too_large);
    CHECK(n == 0);
  }
}

TEST_CASE("what window a refused frame needs is told") {
  tcpinfo::stream_reader reader;
  tcpinfo::stream_options options;
  const auto needed = [&](bytes_view bytes) {
    REQUIRE_FALSE(reader.open_memory(bytes, options));
    const result r = drain(reader, 4096);
    return r.fault == errc::window_too_large ? reader.window_needed() : 0;
  };
  const auto of_descriptor = [&](std::uint8_t window) {
    const std::uint8_t header[] = {0x28, 0xb5, 0x2f, 0xfd, 0x00, window, 0x01, 0x00, 0x00};
    return needed(std::as_bytes(std::span(header)));
  };
  CHECK(of_descriptor(17U << 3U) == 0);  // 2^27, the limit
  CHECK(reader.window_needed() == 0);
  CHECK(of_descriptor((17U << 3U) + 1) == (std::uint64_t{1} << 27U) + (1U << 24U));
  CHECK(of_descriptor(21U << 3U) == std::uint64_t{1} << 31U);

  // Not told any more of a frame that was passed by.
  const std::uint8_t wide[] = {0x28, 0xb5, 0x2f, 0xfd, 0x00, 21U << 3U, 0x01, 0x00, 0x00};
  buffer then_good(std::as_bytes(std::span(wide)).begin(), std::as_bytes(std::span(wide)).end());
  then_good = then_good + frame("good");
  CHECK(needed(then_good) == std::uint64_t{1} << 31U);
  REQUIRE(reader.resume());
  CHECK(reader.window_needed() == 0);

  // Where the content is one segment, it is the window; whatever length its size is written in.
  options.max_window_log = 10;
  const buffer small = frame(prose(500, 1));
  for (const std::size_t size : {2000U, 70'000U, 200'000U}) {
    const buffer large = frame(prose(size, 2));
    CHECK(needed(large) == size);
    // Behind another frame, and in pieces however small.
    const buffer both = small + large;
    CHECK(needed(both) == size);
    int ends[2];
    REQUIRE(pipe(ends) == 0);
    std::thread writer([&] {
      for (const std::byte b : std::span(both).first(small.size() + 20))
        if (write(ends[1], &b, 1) != 1) break;
      close(ends[1]);
    });
    REQUIRE_FALSE(reader.open_fd(ends[0], options));
    const result r = drain(reader, 4096);
    CHECK(r.text == prose(500, 1));
    CHECK(r.fault == errc::window_too_large);
    CHECK(reader.window_needed() == size);
    writer.join();
    close(ends[0]);
  }
}

TEST_CASE("files, descriptors and pipes") {
  const std::string text = prose(900'000, 8);
  const buffer all = frame(text.substr(0, 400'000)) + frame(text.substr(400'000));
  const temporary_file file;
  file.write(all);
  tcpinfo::stream_reader reader;
  std::size_t n = 0;
  std::array<std::byte, 16> out;
  CHECK(reader.read(out, n) == errc::not_open);
  REQUIRE_FALSE(reader.open_path(file.name()));
  CHECK(drain(reader, 10'000).text == text);
  REQUIRE_FALSE(reader.open_fd(file.fd()));
  const result r = drain(reader, std::size_t{1} << 20);
  CHECK(r.text == text);
  CHECK(r.frames == 2);
  reader.close();
  CHECK(fcntl(file.fd(), F_GETFD) >= 0);

  REQUIRE(lseek(file.fd(), 0, SEEK_SET) == 0);
  REQUIRE(ftruncate(file.fd(), static_cast<off_t>(all.size() - 1)) == 0);
  tcpinfo::frame_scan scan;
  REQUIRE_FALSE(tcpinfo::scan_frames(file.fd(), scan));
  CHECK(scan.fault == errc::truncated_frame);
  CHECK(scan.frames == 1);
  CHECK(scan.content_bytes == 400'000);
  CHECK(scan.is_zstd);

  CHECK(reader.open_path("/nonexistent/x") == std::error_code(ENOENT, std::system_category()));
  CHECK(reader.open_path(std::string_view("a\0b", 3)) == errc::invalid_argument);
  REQUIRE_FALSE(reader.open_path("/"));
  CHECK(reader.read(out, n) == std::error_code(EISDIR, std::system_category()));
  CHECK(tcpinfo::scan_frames(-1, scan) == std::error_code(EBADF, std::system_category()));

  // What is there is handed over before the reader waits for more.
  int pipe_ends[2];
  REQUIRE(pipe(pipe_ends) == 0);
  const buffer one = frame("one\n");
  REQUIRE(write(pipe_ends[1], one.data(), one.size()) == static_cast<ssize_t>(one.size()));
  REQUIRE_FALSE(reader.open_fd(pipe_ends[0]));
  REQUIRE_FALSE(reader.read(out, n));
  CHECK(n == 4);
  close(pipe_ends[1]);
  REQUIRE_FALSE(reader.read(out, n));
  CHECK(n == 0);
  close(pipe_ends[0]);
}

TEST_CASE("plain text is not a frame to salvage") {
  tcpinfo::frame_scan scan;
  REQUIRE_FALSE(tcpinfo::scan_frames(view("{}\n{}\n"), scan));
  CHECK_FALSE(scan.is_zstd);
  CHECK(scan.whole_end == 0);
  CHECK(scan.fault == errc::ok);
}

TEST_CASE("content is read in a loop, and goes on behind a damaged frame") {
  buffer cut = frame("the second\n");
  cut.resize(cut.size() - 5);
  const buffer file = frame("first\n") + cut + frame("third\n");
  tcpinfo::stream_reader reader;
  REQUIRE_FALSE(reader.open_memory(file));
  std::array<std::byte, 64> room;
  std::string seen;
  auto items = reader.items(room);
  for (const auto& item : items) {
    seen += std::to_string(item.place().offset) + ' ';
    if (item)
      seen.append(reinterpret_cast<const char*>(item->data()), item->size());
    else
      seen += item.error().message() + '\n';
  }
  CHECK(seen.starts_with("0 first\n6 "));
  CHECK(seen.ends_with(" third\n"));
  CHECK(std::count(seen.begin(), seen.end(), '\n') >= 3);
  CHECK(items.status() == tcpinfo::read_status::end);
}

TEST_CASE("a loop over a stream that cannot be read ends") {
  tcpinfo::stream_reader closed;
  std::array<std::byte, 8> room;
  unsigned faults = 0;
  for (const auto& item : closed.items(room)) {
    CHECK(item.error() == errc::not_open);
    ++faults;
  }
  const buffer file = frame("x");
  REQUIRE_FALSE(closed.open_memory(file));
  for (const auto& item : closed.items({})) {
    CHECK(item.error() == errc::invalid_argument);
    ++faults;
  }
  CHECK(faults == 2);
}

TEST_CASE("nobody uses a reader out of the function that it reads by") {
  struct caller {
    tcpinfo::stream_reader reader;
    std::error_code closed, opened, read;
    std::size_t calls = 0;
    static std::error_code hand_over(void* user, std::span<std::byte> out,
                                     std::size_t& n) noexcept {
      caller& self = *static_cast<caller*>(user);
      if (++self.calls > 1) return {};
      self.closed = self.reader.close();
      self.opened = self.reader.open_memory(tcpinfo::bytes_view());
      std::size_t got = 0;
      self.read = self.reader.read(out, got);
      out[0] = std::byte{'{'};
      n = 1;
      return {};
    }
    static std::error_code too_much(void*, std::span<std::byte> out, std::size_t& n) noexcept {
      n = out.size() + 1;
      return {};
    }
  } c;
  REQUIRE_FALSE(c.reader.open_callback(&caller::hand_over, &c));
  std::array<std::byte, 64> out;
  std::size_t n = 0;
  CHECK_FALSE(c.reader.read(out, n));
  CHECK(n == 1);
  CHECK(c.closed == errc::busy);
  CHECK(c.opened == errc::busy);
  CHECK(c.read == errc::busy);
  CHECK_FALSE(c.reader.close());
  REQUIRE_FALSE(c.reader.open_callback(&caller::too_much, &c));
  CHECK(c.reader.read(out, n) == errc::invalid_argument);
  CHECK(n == 0);
}

TEST_CASE("what a function says that it read and cannot have read is not delivered") {
  struct source {
    std::error_code last;
    std::size_t more = 0;  // than there is room for
    std::size_t calls = 0;
    static std::error_code hand_over(void* user, std::span<std::byte> out,
                                     std::size_t& n) noexcept {
      source& self = *static_cast<source*>(user);
      if (++self.calls > 1) {
        n = out.size() + self.more;
        return self.last;
      }
      const std::string_view line = "{\"Metadata\":{}}\n";
      std::memcpy(out.data(), line.data(), line.size());
      n = line.size();
      return {};
    }
  };
  // Too much, and an error beside bytes: both behind text, which is delivered.
  for (source from : {source{{}, 1}, source{errc::busy, 0}}) {
    tcpinfo::stream_reader reader;
    REQUIRE_FALSE(reader.open_callback(&source::hand_over, &from));
    std::size_t delivered = 0;
    std::error_code fault;
    std::array<std::byte, 64> out;
    for (const auto& item : reader.items(out)) {
      if (item) {
        delivered += item->size();
      } else {
        CHECK_FALSE(fault);  // the end of the reading
        fault = item.error();
      }
    }
    CHECK(delivered == 16);
    CHECK(fault == (from.more > 0 ? std::error_code(errc::invalid_argument) : from.last));
    CHECK(from.calls == 2);
    CHECK_FALSE(reader.resume());
  }
}
