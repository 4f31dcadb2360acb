// SPDX-License-Identifier: Apache-2.0
//
// Damage costs the block that it hits: every byte of a small segment is changed, the segment is cut
// everywhere, and each block taken out. Of the other blocks every record comes back, of the damaged
// one none, and the damage is told once.
#include <tcpinfo/segment.h>

#include <algorithm>
#include <string>
#include <vector>

#include "segment/format.h"
#include "segment/varint.h"
#include "unit/catch.h"
#include "unit/made_socket.h"
#include "unit/sanitized.h"
#include "unit/segment/segment_files.h"

namespace {

using namespace segment_files;

std::size_t block_count() {
  const char* const said = std::getenv("TCPINFO_DAMAGE_BLOCKS");
  const unsigned long count = said == nullptr ? 0 : std::strtoul(said, nullptr, 10);
  return count < 5 ? 5 : count;
}

// Blocks of different sizes, of records and lines, of an archive that goes through them and of
// others.
struct small_segment {
  std::vector<std::string> frames;
  std::string index;
  std::vector<std::vector<read_part>> parts;  ///< of each block
  std::vector<std::uint64_t> records;

  small_segment() {
    blocks made;
    std::uint64_t poll = 0;
    for (std::uint64_t i = 0; i < block_count(); ++i) {
      std::vector<archive_part> block(1 + i % 3);
      for (std::size_t k = 0; k < block.size(); ++k) {
        archive_part& part = block[k];
        part.path = k == 0 ? "through all" : std::to_string(10 * i + k);
        part.goes_on = k == 0 && i > 0;
        // Those without come last in a block.
        if (k == 0 || k + 1 < block.size()) {
          part.about.emplace();
          part.about->host = "host";
        }
        for (std::uint64_t r = 0; r < 2 + (i + k) % 3; ++r) {
          made_socket s;
          s.cookie = 10 * i + k;
          s.set(100, static_cast<std::uint32_t>(poll * 12345));
          tcpinfo::record_extras extras;
          extras.poll = ++poll;
          part.entries.push_back(
              record_entry(at_ns(static_cast<std::int64_t>(poll) * 10'000'000), s.view(), extras));
        }
        if (i == 3) part.entries.push_back(text_entry("a line " + std::to_string(k) + '\n'));
      }
      for (const archive_part& part : block) made.put(part);
      made.flush();
      records.push_back(0);
      for (const archive_part& part : block) records.back() += part.entries.size();
      parts.push_back(expected(block));
    }
    made.finish();
    frames = made.frames;
    index = made.last;
  }

  [[nodiscard]] std::string all() const {
    std::string bytes;
    for (const std::string& frame : frames) bytes += frame;
    return bytes + index;
  }
  /// Which frame a byte is of; the index is the one behind the last block.
  [[nodiscard]] std::size_t frame_at(std::size_t at) const {
    std::size_t i = 0;
    for (; i < frames.size() && at >= frames[i].size(); ++i) at -= frames[i].size();
    return i;
  }
  [[nodiscard]] std::vector<read_part> without(std::size_t gone) const {
    std::vector<read_part> left;
    for (std::size_t i = 0; i < parts.size(); ++i)
      if (i != gone) left.insert(left.end(), parts[i].begin(), parts[i].end());
    return left;
  }
};

const small_segment& segment() {
  static const small_segment made;
  return made;
}

// What reading came to, in a few words: empty where it is as it has to be. Catch's own checks would
// be most of the time.
std::string judge(const read_result& read, std::size_t damaged, bool must_be_told) {
  const small_segment& s = segment();
  const bool is_block = damaged < s.frames.size();
  if (read.parts == s.without(~std::size_t{0})) {
    // Some bits of a frame's head say nothing to a decoder; and where the frame alone is damaged,
    // the block in it has its own checksum to be known by.
    if (must_be_told && is_block) return "the damage was not found";
    if (read.faults.size() > 1) return "damage of a frame was told several times";
    return read.missing != 0 ? "records are missing, and all came" : "";
  }
  if (read.parts != s.without(is_block ? damaged : ~std::size_t{0})) return "other records came";
  if (read.faults.size() != 1)
    return "the damage was told " + std::to_string(read.faults.size()) + " times";
  const bool follows = damaged + 1 < s.frames.size();
  if (read.missing != (follows ? s.records[damaged] : 0))
    return "missing are " + std::to_string(read.missing);
  if (read.blocks != s.frames.size() - (is_block ? 1 : 0)) return "other blocks were read";
  return {};
}

}  // namespace

TEST_CASE("the small segment is whole") {
  const read_result read = read_segment(segment().all());
  CHECK(read.faults.empty());
  CHECK(read.parts == segment().without(~std::size_t{0}));
  CHECK(segment().frames.size() == block_count());
}

TEST_CASE("any byte of a segment may be another one") {
  const std::string whole = segment().all();
  std::string bytes = whole;
  std::size_t harmless = 0;
  for (std::size_t at = 0; at < whole.size(); ++at) {
    std::vector<unsigned> masks;
    if (!sanitized || at < 30) {
      for (unsigned bit = 0; bit < 8; ++bit) masks.push_back(1U << bit);
      masks.push_back(0xff);
      masks.push_back(static_cast<unsigned char>(whole[at]));  // to 0
    } else {
      masks = {static_cast<unsigned>(1 + at * 37 % 255)};
    }
    for (const unsigned mask : masks) {
      if (mask == 0) continue;
      bytes[at] = static_cast<char>(static_cast<unsigned char>(whole[at]) ^ mask);
      const read_result read = read_segment(bytes, false);
      if (read.faults.empty()) ++harmless;
      const std::string wrong = judge(read, segment().frame_at(at), false);
      if (!wrong.empty())
        FAIL_CHECK("byte " << at << " of frame " << segment().frame_at(at) << ", mask " << mask
                           << ": " << wrong);
    }
    bytes[at] = whole[at];
  }
  // Those of the index, and a bit or two of each frame.
  CHECK(harmless <= 10 * segment().index.size() + 10 * segment().frames.size());
}

TEST_CASE("any byte of what is in the frames may be another one, where nothing around it tells") {
  std::vector<std::string> contents;
  std::string plain;
  for (const std::string& frame : segment().frames) {
    contents.push_back(content_of(frame));
    plain += contents.back();
  }
  std::string bytes = plain;
  std::size_t at = 0;
  for (std::size_t i = 0; i < contents.size(); ++i)
    for (std::size_t k = 0; k < contents[i].size(); ++k, ++at) {
      for (const unsigned mask : sanitized
                                     ? std::vector<unsigned>{1U << at % 8}
                                     : std::vector<unsigned>{1, 2, 4, 8, 16, 32, 64, 128, 255}) {
        bytes[at] = static_cast<char>(static_cast<unsigned char>(plain[at]) ^ mask);
        // As a whole it may still look like text to the reader where its first bytes are hit.
        const read_result read = read_segment(bytes, false);
        const std::string wrong = judge(read, i, true);
        if (!wrong.empty())
          FAIL_CHECK("byte " << k << " of block " << i << ", mask " << mask << ": " << wrong);
      }
      bytes[at] = plain[at];
    }
}

TEST_CASE("a segment may be cut anywhere") {
  const std::string whole = segment().all();
  const auto& frames = segment().frames;
  std::size_t complete = 0;  // frames
  std::size_t end = 0;       // of them
  for (std::size_t size = 0; size <= whole.size(); ++size) {
    if (complete < frames.size() && size == end + frames[complete].size())
      end += frames[complete++].size();
    const read_result read = read_segment(std::string_view(whole).substr(0, size), false);
    std::vector<read_part> wanted;
    for (std::size_t i = 0; i < complete; ++i)
      wanted.insert(wanted.end(), segment().parts[i].begin(), segment().parts[i].end());
    // Without the end of its frame, which is a checksum, a block may be whole.
    bool good = read.parts == wanted;
    if (!good && complete < frames.size() && size + 8 > end + frames[complete].size()) {
      const auto& next = segment().parts[complete];
      wanted.insert(wanted.end(), next.begin(), next.end());
      good = read.parts == wanted;
    }
    if (!good) FAIL_CHECK("cut at " << size << ": other records came");
    const bool at_end = size == end || size == whole.size();
    if (read.faults.size() != (at_end ? 0 : 1))
      FAIL_CHECK("cut at " << size << ": told " << read.faults.size() << " times");
    if (!at_end && !read.faults.empty() && complete < frames.size() && size > 3 &&
        read.faults[0] != errc::truncated_frame)
      FAIL_CHECK("cut at " << size << ": " << read.faults[0].message());
    if (read.missing != 0) FAIL_CHECK("cut at " << size << ": missing are " << read.missing);
  }
}

TEST_CASE("blocks in a segment may be taken out") {
  const auto& frames = segment().frames;
  for (std::size_t first = 0; first < frames.size(); ++first)
    for (std::size_t last = first; last < frames.size(); ++last) {
      std::string bytes;
      std::vector<read_part> wanted;
      std::uint64_t gone = 0;
      for (std::size_t i = 0; i < frames.size(); ++i)
        if (i >= first && i <= last) {
          gone += segment().records[i];
        } else {
          bytes += frames[i];
          wanted.insert(wanted.end(), segment().parts[i].begin(), segment().parts[i].end());
        }
      INFO(first << " to " << last);
      const read_result read = read_segment(bytes + segment().index);
      CHECK(read.parts == wanted);
      CHECK(read.missing == (last + 1 < frames.size() ? gone : 0));
      CHECK(read.faults.size() <= 1);
    }
}

TEST_CASE("several stretches of damage are told once each") {
  const auto& frames = segment().frames;
  std::string bytes;
  for (std::size_t i = 0; i < 5; ++i) {
    std::string frame = frames[i];
    if (i % 2 == 0) frame[frame.size() / 2] = static_cast<char>(frame[frame.size() / 2] ^ 0x55);
    bytes += frame;
  }
  read_result read = read_segment(bytes);
  std::vector<read_part> wanted = segment().parts[1];
  wanted.insert(wanted.end(), segment().parts[3].begin(), segment().parts[3].end());
  CHECK(read.parts == wanted);
  CHECK(read.faults.size() == 3);
  CHECK(read.missing == segment().records[0] + segment().records[2]);
  // Two blocks one after the other, and what lies between them.
  bytes = frames[0] + frames[1].substr(0, frames[1].size() / 2) +
          frames[2].substr(frames[2].size() / 2) + frames[3];
  read = read_segment(bytes);
  wanted = segment().parts[0];
  wanted.insert(wanted.end(), segment().parts[3].begin(), segment().parts[3].end());
  CHECK(read.parts == wanted);
  CHECK(read.faults.size() == 1);
  CHECK(read.missing == segment().records[1] + segment().records[2]);
}

TEST_CASE("what stands between blocks and is nothing costs no block") {
  const auto& frames = segment().frames;
  for (const std::string& between :
       {std::string(1, '\0'), std::string(100, '\0'), std::string("text\n"),
        std::string(5000, '\xff'), std::string("\x28\xb5\x2f\xfd"), std::string("\x89TCPSEG\n")}) {
    const read_result read = read_segment(frames[0] + between + frames[1]);
    std::vector<read_part> wanted = segment().parts[0];
    wanted.insert(wanted.end(), segment().parts[1].begin(), segment().parts[1].end());
    CHECK(read.parts == wanted);
    CHECK(read.faults.size() == 1);
    CHECK(read.missing == 0);
  }
}

TEST_CASE("a record_reader gives the same of a damaged segment, and tells the same") {
  const auto& frames = segment().frames;
  for (std::size_t gone = 0; gone < frames.size(); ++gone) {
    std::string bytes;
    for (std::size_t i = 0; i < frames.size(); ++i) {
      bytes += frames[i];
      if (i == gone) bytes[bytes.size() - 10] = static_cast<char>(bytes[bytes.size() - 10] ^ 1);
    }
    tcpinfo::record_reader reader;
    REQUIRE_FALSE(reader.open_memory(bytes_of(bytes)));
    std::vector<std::string> lines;
    std::size_t faults = 0;
    std::size_t bad_lines = 0;
    for (const read_record& r : drain(reader)) {
      // The lines that are no JSON.
      if (r.fault && !r.line.empty())
        ++bad_lines;
      else if (r.fault)
        ++faults;
      else if (!r.is_metadata)
        lines.push_back(r.line);
    }
    std::vector<std::string> wanted;
    for (const read_part& part : segment().without(gone))
      for (const std::string& line : part.lines)
        if (line.starts_with('{')) wanted.push_back(line);
    CHECK(lines == wanted);
    CHECK(faults == 1);
    CHECK(bad_lines == (gone == 3 ? 0 : 1));
    CHECK(reader.missing_records() == (gone + 1 < frames.size() ? segment().records[gone] : 0));
  }
}

// Without a bound of what is summed up in vain this is a day's work for a gigabyte of it, and some
// minutes for these eight megabytes: a test that takes so long is stopped.
TEST_CASE("bytes full of beginnings of blocks are passed over, and what follows is read") {
  namespace format = tcpinfo::segment_format;
  std::string head = content_of(segment().frames[0]).substr(0, format::head_size);
  format::store_le(reinterpret_cast<std::byte*>(head.data()) + format::size_at,
                   static_cast<std::uint32_t>(format::max_block));
  const std::string first = content_of(segment().frames[0]);
  std::string bytes = first;
  for (int i = 0; i < 200'000; ++i) bytes += head;
  // The latest of them have their size, too.
  bytes.append(format::max_block + (std::size_t{2} << 20), 'x');
  for (std::size_t i = 1; i < segment().frames.size(); ++i)
    bytes += content_of(segment().frames[i]);
  const read_result read = read_segment(bytes, false);
  CHECK(read.parts == segment().without(~std::size_t{0}));
  CHECK(read.faults == std::vector<std::error_code>{errc::bad_block});
  CHECK(read.missing == 0);
}
