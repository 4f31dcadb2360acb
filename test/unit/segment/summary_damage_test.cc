// SPDX-License-Identifier: Apache-2.0
//
// Damage of a segment with summaries costs the block that it hits. No block of summaries makes
// records missing, and who reads summaries gets those of the other blocks whatever became of the
// records.
#include <tcpinfo/segment.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "unit/allocations.h"
#include "unit/catch.h"
#include "unit/made_socket.h"
#include "unit/sanitized.h"
#include "unit/segment/segment_files.h"
#include "unit/segment/summary_files.h"

namespace {

using namespace segment_files;

told_summary numbered_summary(std::uint64_t n) {
  told_summary s;
  s.path = "archive " + std::to_string(n);
  if (n % 3 != 0) s.about.emplace();
  s.values = {{0, 0, 3}, {1, 0, n * n}};
  if (n % 2 == 0) s.values.push_back({7, 0, 1'000'000'007 * n});
  if (n % 3 != 1) s.rtts = {{100, 110, n + 1}, {200, 250, 2}};
  s.congestion_control = n % 2 == 0 ? "cubic" : "bbr";
  return s;
}

// Records, summaries, records, summaries.
struct summarized_segment {
  std::vector<std::string> frames;
  std::string index;
  std::vector<std::vector<read_part>> parts;  ///< of each block; none of summaries
  std::vector<std::vector<read_summary>> summaries;

  summarized_segment() {
    blocks made;
    std::uint64_t n = 0;
    for (int i = 0; i < 2; ++i) {
      archive_part part;
      part.path = "records " + std::to_string(i);
      for (int k = 0; k < 3; ++k) {
        made_socket s;
        s.set(100, static_cast<std::uint32_t>(k + i));
        part.entries.push_back(record_entry(at_ns(k), s.view()));
      }
      made.put(part);
      made.flush();
      parts.push_back(expected({part}));
      summaries.emplace_back();
      std::vector<told_summary> some;
      for (int k = 0; k < 3 + i; ++k) some.push_back(numbered_summary(n++));
      put_summaries(made, some);
      parts.emplace_back();
      summaries.push_back(expected(some));
    }
    made.finish();
    frames = made.frames;
    index = made.last;
  }
  [[nodiscard]] std::size_t frame_at(std::size_t at) const {
    std::size_t i = 0;
    for (; i < frames.size() && at >= frames[i].size(); ++i) at -= frames[i].size();
    return i;
  }
};

const summarized_segment& summarized() {
  static const summarized_segment made;
  return made;
}

template <class T>
std::vector<T> without(const std::vector<std::vector<T>>& blocks, std::size_t gone) {
  std::vector<T> left;
  for (std::size_t i = 0; i < blocks.size(); ++i)
    if (i != gone) left.insert(left.end(), blocks[i].begin(), blocks[i].end());
  return left;
}

constexpr std::size_t none = ~std::size_t{0};

// What reading came to where a byte of block `damaged` is another one: empty where it is as it has
// to be. Each of the two kinds is read.
std::string judge_summaries(const std::string& bytes, std::size_t damaged) {
  const summarized_segment& s = summarized();
  const bool hits_records = damaged == 0 || damaged == 2;
  const read_result read = read_segment(bytes, false);
  if (read.parts == without(s.parts, none)) {
    if (read.missing != 0) return "records are missing, and all came";
  } else if (!hits_records || read.parts != without(s.parts, damaged)) {
    return "other records came";
  } else if (read.missing != 3) {
    return "missing are " + std::to_string(read.missing);
  }
  if (read.faults.size() > 1) return "the damage was told several times";
  const summaries_result summaries = read_summaries(bytes);
  if (summaries.faults.size() > 1)
    return "the damage was told several times to who reads summaries";
  if (summaries.faults.size() != read.faults.size()) return "the two are told differently";
  const auto all = without(s.summaries, none);
  if (summaries.all != all && (hits_records || summaries.all != without(s.summaries, damaged)))
    return "other summaries came";
  if (summaries.all != all && summaries.faults.empty()) return "the damage was not told";
  if (summaries.missing != read.missing) return "other records are missing";
  return {};
}

}  // namespace

TEST_CASE("the small segment of summaries is whole") {
  std::string bytes;
  for (const std::string& frame : summarized().frames) bytes += frame;
  CHECK(summarized().frames.size() == 4);
  CHECK(judge_summaries(bytes + summarized().index, none).empty());
  CHECK(read_summaries(bytes).all.size() == 7);
}

TEST_CASE("any byte of a segment with summaries may be another one") {
  std::string whole;
  for (const std::string& frame : summarized().frames) whole += frame;
  whole += summarized().index;
  std::string bytes = whole;
  for (std::size_t at = 0; at < whole.size(); ++at) {
    const std::vector<unsigned> masks =
        sanitized ? std::vector<unsigned>{static_cast<unsigned>(1 + at * 37 % 255)}
                  : std::vector<unsigned>{1, 2, 4, 8, 16, 32, 64, 128, 255};
    for (const unsigned mask : masks) {
      bytes[at] = static_cast<char>(static_cast<unsigned char>(whole[at]) ^ mask);
      const std::string wrong = judge_summaries(bytes, summarized().frame_at(at));
      if (!wrong.empty())
        FAIL_CHECK("byte " << at << " of frame " << summarized().frame_at(at) << ", mask " << mask
                           << ": " << wrong);
    }
    bytes[at] = whole[at];
  }
}

TEST_CASE("any byte of blocks of summaries that stand plain may be another one") {
  std::vector<std::string> contents;
  std::string plain;
  for (const std::string& frame : summarized().frames) {
    contents.push_back(content_of(frame));
    plain += contents.back();
  }
  std::string bytes = plain;
  std::size_t at = 0;
  for (std::size_t i = 0; i < contents.size(); ++i)
    for (std::size_t k = 0; k < contents[i].size(); ++k, ++at) {
      const unsigned mask = 1U << (at % 8);
      bytes[at] = static_cast<char>(static_cast<unsigned char>(plain[at]) ^ mask);
      const std::string wrong = judge_summaries(bytes, i);
      if (!wrong.empty()) FAIL_CHECK("byte " << k << " of block " << i << ": " << wrong);
      if (read_segment(bytes, false).faults.size() != 1)
        FAIL_CHECK("byte " << k << " of block " << i << ": not told");
      bytes[at] = plain[at];
    }
}

TEST_CASE("blocks may be taken out of a segment with summaries") {
  const summarized_segment& s = summarized();
  for (std::size_t gone = 0; gone < s.frames.size(); ++gone) {
    std::string bytes;
    for (std::size_t i = 0; i < s.frames.size(); ++i)
      if (i != gone) bytes += s.frames[i];
    INFO(gone);
    const read_result read = read_segment(bytes);
    CHECK(read.parts == without(s.parts, gone));
    CHECK(read.missing == (gone % 2 == 0 ? 3 : 0));
    CHECK(read.faults.empty());
    CHECK((read_summaries(bytes).all == without(s.summaries, gone)));
  }
}

TEST_CASE("a segment with summaries may be cut anywhere") {
  std::string whole;
  for (const std::string& frame : summarized().frames) whole += frame;
  for (std::size_t size = 0; size <= whole.size(); size += sanitized ? 7 : 1) {
    const std::size_t complete = summarized().frame_at(size);
    std::vector<read_summary> wanted;
    for (std::size_t i = 0; i < complete; ++i)
      wanted.insert(wanted.end(), summarized().summaries[i].begin(),
                    summarized().summaries[i].end());
    const summaries_result read = read_summaries(std::string_view(whole).substr(0, size));
    // Without the end of its frame, which is a checksum, a block may be whole.
    if (read.all != wanted && complete < 4)
      wanted.insert(wanted.end(), summarized().summaries[complete].begin(),
                    summarized().summaries[complete].end());
    if (read.all != wanted) FAIL_CHECK("cut at " << size << ": other summaries came");
    if (read.missing != 0) FAIL_CHECK("cut at " << size << ": missing are " << read.missing);
    if (read.faults.size() > 1) FAIL_CHECK("cut at " << size << ": told several times");
  }
}

TEST_CASE("allocations that fail lose no summary, and make no wrong one") {
  std::vector<told_summary> all;
  for (std::uint64_t i = 0; i < 30; ++i) {
    all.push_back(numbered_summary(i));
    all.back().congestion_control += std::to_string(i % 5);
    all.back().values.push_back({static_cast<std::uint32_t>(100 + i), 0, i});
  }
  std::size_t failed = 0;
  for (const long failing : {1L, 1'000'000L})
    for (long before = 0;; ++before) {
      INFO(failing << " after " << before);
      long left = before;
      bool through = true;
      // What failed for want of memory is done again.
      const auto each = [&](auto&& step) {
        test_allocations::before_failing = left;
        test_allocations::failing = failing;
        std::error_code ec = step();
        const bool none_failed = test_allocations::failing == failing;
        left = none_failed ? test_allocations::before_failing : -1;
        through = through && none_failed;
        test_allocations::before_failing = -1;
        if (ec == errc::out_of_memory) {
          ++failed;
          ec = step();
        }
        must(ec, "a step");
      };
      tcpinfo::segment_writer writer;
      each([&] { return writer.create({}); });
      std::uint32_t waiting = 0;
      for (const told_summary& s : all) {
        tcpinfo::segment_archive archive;
        tcpinfo::metadata about;
        if (s.about) {
          about = s.about->view();
          archive.about = &about;
        }
        archive.path = s.path;
        tcpinfo::segment_summary summary;
        summary.values = s.values;
        summary.rtts = s.rtts;
        summary.congestion_control = s.congestion_control;
        each([&] { return writer.add_summary(archive, summary); });
        must(writer.waiting_summaries() == ++waiting, "one more waits");
      }
      bytes_view frame;
      each([&] { return writer.flush_summaries(frame); });
      const std::string bytes = text_of(frame);
      if (read_summaries(bytes).all != expected(all)) FAIL_CHECK("other summaries came of it");
      if (through) break;
    }
  if (!sanitized) CHECK(failed > 50);
  // And reading.
  blocks made;
  put_summaries(made, all);
  const std::string bytes = made.all();
  failed = 0;
  for (long before = 0;; ++before) {
    INFO(before);
    tcpinfo::segment_reader reader;
    test_allocations::before_failing = before;
    test_allocations::failing = 1;
    std::error_code ec = reader.open_memory(bytes_of(bytes));
    std::vector<read_summary> got;
    bool more = !ec;
    while (more) {
      tcpinfo::segment_summary s;
      ec = reader.next_summary(s, more);
      if (ec || !more) break;
      const long left = std::exchange(test_allocations::before_failing, -1);
      got.push_back(read_of(reader.archive(), s));
      test_allocations::before_failing = left;
    }
    const bool through = test_allocations::failing == 1;
    test_allocations::before_failing = -1;
    if (ec) {
      CHECK(ec == errc::out_of_memory);
      ++failed;
    }
    const auto wanted = expected(all);
    if (ec ? !std::equal(got.begin(), got.end(), wanted.begin()) : got != wanted)
      FAIL_CHECK("other summaries came");
    if (through) break;
  }
  if (!sanitized) CHECK(failed > 5);
}
