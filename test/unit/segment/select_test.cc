// SPDX-License-Identifier: Apache-2.0
//
// The index at a segment's end: which parts of a file may hold what is looked for.
#include <sys/mman.h>
#include <tcpinfo/segment.h>
#include <unistd.h>

#include <cstddef>
#include <cstdio>
#include <string>
#include <vector>

#include "unit/catch.h"
#include "unit/made_socket.h"
#include "unit/segment/segment_files.h"
#include "unit/segment/summary_files.h"

namespace {

using namespace segment_files;
using tcpinfo::file_range;
using tcpinfo::segment_selection;

class memory_file {
 public:
  explicit memory_file(std::string_view content) : fd_(::memfd_create("segment", MFD_CLOEXEC)) {
    REQUIRE(fd_ >= 0);
    REQUIRE(::write(fd_, content.data(), content.size()) == static_cast<ssize_t>(content.size()));
  }
  ~memory_file() { ::close(fd_); }
  memory_file(const memory_file&) = delete;
  memory_file& operator=(const memory_file&) = delete;
  [[nodiscard]] int fd() const { return fd_; }

 private:
  int fd_;
};

// Cookies 10 i to 10 i + 2, at i seconds.
archive_part selected_part(std::uint64_t cookie, std::int64_t ns) {
  archive_part part;
  part.about.emplace();
  char uuid[32];
  std::snprintf(uuid, sizeof uuid, "host_%016llX", static_cast<unsigned long long>(cookie));
  part.about->uuid = uuid;
  part.path = uuid;
  made_socket s;
  s.cookie = cookie;
  part.entries.push_back(record_entry(at_ns(ns), s.view()));
  return part;
}

struct blocks_by_second {
  blocks made;
  std::string all;

  blocks_by_second() {
    for (std::uint64_t i = 0; i < 6; ++i) {
      for (std::uint64_t k = 0; k < 3; ++k)
        made.put(selected_part(10 * i + k, static_cast<std::int64_t>(i * 1'000'000'000 + k)));
      made.flush();
    }
    made.finish();
    all = made.all();
  }
  [[nodiscard]] file_range range(std::size_t first, std::size_t last) const {
    file_range r;
    for (std::size_t i = 0; i <= last; ++i)
      (i < first ? r.offset : r.size) += made.frames[i].size();
    return r;
  }
};

std::vector<file_range> select(int fd, const segment_selection& wanted) {
  std::vector<file_range> found(10);
  std::size_t count = 0;
  REQUIRE_FALSE(tcpinfo::select_blocks(fd, wanted, found, count));
  REQUIRE(count <= found.size());
  found.resize(count);
  return found;
}

}  // namespace

TEST_CASE("blocks are selected by cookie and by time") {
  const blocks_by_second s;
  const memory_file file(s.all);
  CHECK(select(file.fd(), {}) == std::vector{s.range(0, 5)});
  segment_selection wanted;
  wanted.cookie = 31;
  CHECK(select(file.fd(), wanted) == std::vector{s.range(3, 3)});
  wanted.cookie = 35;
  CHECK(select(file.fd(), wanted).empty());
  wanted.cookie = 1000;
  CHECK(select(file.fd(), wanted).empty());
  wanted = {};
  wanted.since = at_ns(2'000'000'001);
  CHECK(select(file.fd(), wanted) == std::vector{s.range(2, 5)});
  wanted.since = at_ns(2'000'000'003);
  CHECK(select(file.fd(), wanted) == std::vector{s.range(3, 5)});
  wanted.until = at_ns(4'000'000'000);
  CHECK(select(file.fd(), wanted) == std::vector{s.range(3, 4)});
  wanted.until = at_ns(3'999'999'999);
  CHECK(select(file.fd(), wanted) == std::vector{s.range(3, 3)});
  wanted.cookie = 10;
  CHECK(select(file.fd(), wanted).empty());
  // The parts are whole frames, and what they hold is read alone.
  const file_range third = s.range(3, 3);
  CHECK(read_segment(std::string_view(s.all).substr(third.offset, third.size)).records == 3);
  // The file stands where it stood.
  CHECK(::lseek(file.fd(), 0, SEEK_CUR) == static_cast<off_t>(s.all.size()));
}

TEST_CASE("ranges are divided where blocks end") {
  const blocks_by_second s;
  const memory_file file(s.all);
  const std::uint64_t two = s.range(0, 1).size;
  segment_selection wanted;
  wanted.most_bytes = static_cast<std::uint32_t>(s.all.size());
  CHECK(select(file.fd(), wanted) == std::vector{s.range(0, 5)});
  // A block is never divided.
  wanted.most_bytes = 1;
  std::vector<file_range> each;
  for (std::size_t i = 0; i < 6; ++i) each.push_back(s.range(i, i));
  CHECK(select(file.fd(), wanted) == each);
  wanted.most_bytes = static_cast<std::uint32_t>(two);
  CHECK(select(file.fd(), wanted).front() == s.range(0, 1));
  wanted.most_bytes = static_cast<std::uint32_t>(two - 1);
  CHECK(select(file.fd(), wanted).front() == s.range(0, 0));
}

TEST_CASE("blocks with lines, and of archives without a cookie, are always selected") {
  blocks made;
  made.put(selected_part(1, 0));
  made.flush();
  archive_part odd;
  odd.entries.push_back(text_entry("a line\n"));
  made.put(odd);
  made.flush();
  made.put(selected_part(2, 0));
  made.flush();
  archive_part unnamed = selected_part(3, 0);
  unnamed.about->uuid = "no cookie";
  made.put(unnamed);
  made.flush();
  made.finish();
  const memory_file file(made.all());
  segment_selection wanted;
  wanted.cookie = 7;
  const auto size = [&](std::size_t i) { return std::uint64_t{made.frames[i].size()}; };
  CHECK(select(file.fd(), wanted) ==
        std::vector<file_range>{{size(0), size(1)}, {size(0) + size(1) + size(2), size(3)}});
  wanted.since = at_ns(1);
  CHECK(select(file.fd(), wanted).size() == 2);
}

TEST_CASE("as many parts are told as there is room for, and how many there are") {
  blocks made;
  for (std::uint64_t i = 0; i < 6; ++i) {
    made.put(selected_part(i % 2 == 0 ? 5 : 500, 0));
    made.flush();
  }
  made.finish();
  const memory_file file(made.all());
  segment_selection wanted;
  wanted.cookie = 5;
  std::vector<file_range> found(2);
  std::size_t count = 0;
  REQUIRE_FALSE(tcpinfo::select_blocks(file.fd(), wanted, found, count));
  CHECK(count == 3);
  CHECK(found[0] == file_range{0, made.frames[0].size()});
  CHECK(found[1].offset == made.frames[0].size() + made.frames[1].size());
  REQUIRE_FALSE(tcpinfo::select_blocks(file.fd(), wanted, {}, count));
  CHECK(count == 3);
}

TEST_CASE("an index that is not there, damaged, or of another file is told") {
  const blocks_by_second s;
  std::vector<file_range> found(10);
  std::size_t count = 5;
  const auto select_in = [&](std::string_view content) {
    const memory_file file(content);
    return tcpinfo::select_blocks(file.fd(), {}, found, count);
  };
  const std::string frames = s.all.substr(0, s.all.size() - s.made.last.size());
  for (const std::string& content :
       {std::string(), std::string("x"), frames, s.made.last.substr(1), frames + "x" + s.made.last,
        s.all + "x", s.all.substr(1), s.all + s.all, s.made.last, std::string(1000, '\0')}) {
    CHECK(select_in(content) == errc::bad_block);
    CHECK(count == 0);
  }
  // Every byte of it.
  std::string damaged = s.all;
  for (std::size_t at = frames.size(); at < s.all.size(); ++at)
    for (const unsigned mask : {1U, 0x80U, 0xffU}) {
      damaged[at] = static_cast<char>(static_cast<unsigned char>(s.all[at]) ^ mask);
      if (select_in(damaged) != errc::bad_block) FAIL_CHECK("byte " << at - frames.size());
      damaged[at] = s.all[at];
    }
  CHECK_FALSE(select_in(s.all));
  // A segment of no blocks.
  CHECK_FALSE(select_in(segment_of({})));
  CHECK(count == 0);
}

TEST_CASE("what cannot be selected in is told") {
  std::vector<file_range> found(10);
  std::size_t count = 5;
  CHECK(tcpinfo::select_blocks(-1, {}, found, count) == std::errc::bad_file_descriptor);
  CHECK(count == 0);
  const blocks_by_second s;
  const memory_file file(s.all);
  segment_selection wanted;
  wanted.size = 2;
  CHECK(tcpinfo::select_blocks(file.fd(), wanted, found, count) == errc::invalid_argument);
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  CHECK(tcpinfo::select_blocks(ends[0], {}, found, count));
  ::close(ends[0]);
  ::close(ends[1]);
}

namespace {

// Records of a second and their summary, three times over, and lines at the end.
struct segment_with_summaries {
  blocks made;
  std::string all;

  explicit segment_with_summaries(std::uint64_t told) {
    for (std::uint64_t i = 0; i < 3; ++i) {
      made.put(selected_part(10 * i, static_cast<std::int64_t>(i * 1'000'000'000)));
      made.flush();
      told_summary s;
      s.about = selected_part(10 * i, 0).about;
      s.values = {{tcpinfo::summary_records, 0, told}, {5, 0, 100}};
      put_summaries(made, {s});
    }
    made.finish();
    all = made.all();
  }
  [[nodiscard]] file_range range(std::size_t which) const {
    file_range r;
    for (std::size_t i = 0; i < which; ++i) r.offset += made.frames[i].size();
    r.size = made.frames[which].size();
    return r;
  }
};

}  // namespace

TEST_CASE("blocks are selected by their kind") {
  const segment_with_summaries s(1);
  const memory_file file(s.all);
  segment_selection wanted;
  // Records, where nothing is said.
  const std::vector<file_range> records = {s.range(0), s.range(2), s.range(4)};
  CHECK(select(file.fd(), wanted) == records);
  wanted.kinds = tcpinfo::select_records;
  CHECK(select(file.fd(), wanted) == records);
  wanted.kinds = tcpinfo::select_summaries;
  CHECK(select(file.fd(), wanted) == std::vector<file_range>{s.range(1), s.range(3), s.range(5)});
  wanted.cookie = 10;
  CHECK(select(file.fd(), wanted) == std::vector<file_range>{s.range(3)});
  const file_range third = s.range(3);
  const std::string_view part = std::string_view(s.all).substr(third.offset, third.size);
  CHECK(read_summaries(part).all.size() == 1);
  // Of their times nothing is known.
  wanted.since = at_ns(5'000'000'000);
  CHECK(select(file.fd(), wanted) == std::vector<file_range>{s.range(3)});
  wanted.kinds |= tcpinfo::select_records;
  CHECK(select(file.fd(), wanted) == std::vector<file_range>{s.range(3)});
  wanted = {};
  wanted.kinds = tcpinfo::select_records | tcpinfo::select_summaries;
  CHECK(select(file.fd(), wanted) ==
        std::vector<file_range>{{0, s.all.size() - s.made.last.size()}});
  wanted.cookie = 20;
  CHECK(select(file.fd(), wanted) ==
        std::vector<file_range>{{s.range(4).offset, s.range(4).size + s.range(5).size}});
  std::size_t count = 0;
  for (const std::uint32_t kinds : {4U, 7U, ~0U}) {
    wanted.kinds = kinds;
    CHECK(tcpinfo::select_blocks(file.fd(), wanted, {}, count) == errc::invalid_argument);
  }
  wanted.kinds = 0;
  // Summaries of archives without a cookie may be anybody's.
  blocks unnamed;
  put_summaries(unnamed, {{}});
  unnamed.finish();
  const memory_file other(unnamed.all());
  wanted = {};
  wanted.kinds = tcpinfo::select_summaries;
  wanted.cookie = 7;
  CHECK(select(other.fd(), wanted).size() == 1);
}

TEST_CASE("an index says what is in all of the segment") {
  const auto contents_of = [](const std::string& bytes) {
    const memory_file file(bytes);
    tcpinfo::segment_contents c;
    c.records = 99;
    REQUIRE_FALSE(tcpinfo::read_index(file.fd(), c));
    CHECK(c.size == sizeof c);
    CHECK(::lseek(file.fd(), 0, SEEK_CUR) == static_cast<off_t>(bytes.size()));
    return c;
  };
  tcpinfo::segment_contents c = contents_of(segment_with_summaries(1).all);
  CHECK(c.records == 3);
  CHECK(c.summaries == 3);
  CHECK(c.summarized == 3);
  CHECK(c.first == at_ns(0));
  CHECK(c.last == at_ns(2'000'000'000));
  CHECK(c.has_others == 0);
  // Sums do not begin again at 0.
  CHECK(contents_of(segment_with_summaries(~std::uint64_t{0}).all).summarized == ~std::uint64_t{0});
  CHECK(contents_of(blocks_by_second().all).summaries == 0);
  c = contents_of(segment_of({}));
  CHECK(c.records == 0);
  CHECK(c.first.is_zero());
  CHECK(c.last.is_zero());
  // Lines: their times are not known.
  archive_part odd;
  odd.entries.push_back(text_entry("a line\n"));
  c = contents_of(segment_of({{odd}}));
  CHECK(c.records == 1);
  CHECK(c.has_others == 1);
  CHECK(c.first.is_zero());
  // Summaries of such archives are no records of theirs.
  blocks unnamed;
  put_summaries(unnamed, {{}, {}});
  unnamed.finish();
  c = contents_of(unnamed.all());
  CHECK(c.summaries == 2);
  CHECK(c.summarized == 0);
  CHECK(c.has_others == 0);
}

TEST_CASE("an index that is none says nothing") {
  const segment_with_summaries s(1);
  tcpinfo::segment_contents c;
  CHECK(tcpinfo::read_index(-1, c) == std::errc::bad_file_descriptor);
  const std::string frames = s.all.substr(0, s.all.size() - s.made.last.size());
  c.records = 99;
  CHECK(tcpinfo::read_index(memory_file(frames).fd(), c) == errc::bad_block);
  const memory_file file(s.all);
  c.size = 4;
  CHECK(tcpinfo::read_index(file.fd(), c) == errc::invalid_argument);
  CHECK(c.records == 99);
  // Of an older header it is filled as far as it goes.
  c.size = offsetof(tcpinfo::segment_contents, summarized);
  c.summarized = 99;
  REQUIRE_FALSE(tcpinfo::read_index(file.fd(), c));
  CHECK(c.summaries == 3);
  CHECK(c.summarized == 99);
  // Every byte of it.
  std::string damaged = s.all;
  for (std::size_t at = frames.size(); at < s.all.size(); ++at) {
    damaged[at] = static_cast<char>(~s.all[at]);
    if (tcpinfo::read_index(memory_file(damaged).fd(), c) != errc::bad_block)
      FAIL_CHECK("byte " << at - frames.size());
    damaged[at] = s.all[at];
  }
}
