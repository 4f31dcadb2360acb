// SPDX-License-Identifier: Apache-2.0
//
// The index at a segment's end: which parts of a file may hold what is looked for.
#include <sys/mman.h>
#include <tcpinfo/segment.h>
#include <unistd.h>

#include <cstdio>
#include <string>
#include <vector>

#include "unit/catch.h"
#include "unit/made_socket.h"
#include "unit/segment/segment_files.h"

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
archive_part part_of(std::uint64_t cookie, std::int64_t ns) {
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
        made.put(part_of(10 * i + k, static_cast<std::int64_t>(i * 1'000'000'000 + k)));
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

TEST_CASE("blocks with lines, and of archives without a cookie, are always selected") {
  blocks made;
  made.put(part_of(1, 0));
  made.flush();
  archive_part odd;
  odd.entries.push_back(text_entry("a line\n"));
  made.put(odd);
  made.flush();
  made.put(part_of(2, 0));
  made.flush();
  archive_part unnamed = part_of(3, 0);
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
    made.put(part_of(i % 2 == 0 ? 5 : 500, 0));
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
