// SPDX-License-Identifier: Apache-2.0
//
// The cursor on its disk, and the way from a segment to its blocks.
#include "collect/publishing/cursor.h"

#include <optional>

#include "collect/publishing/block_file.h"
#include "collect/publishing/frame_extent.h"
#include "common/errno_of.h"
#include "unit/collect/publishing/made_blocks.h"
#include "unit/collect/run.h"

namespace {

const stream_positions some = {{{"host.20260131T120000Z-3", 0}, {4, 1234, 17, {0, 2}}},
                               {{"host.20260131T120000Z-3", 1}, {2, 0, 0}},
                               {{"host.20260201T000000Z-4", 0}, {0, 99, 2}}};

bytes_view bytes_of(const std::string& text) { return std::as_bytes(std::span(text)); }

}  // namespace

TEST_CASE("a cursor is read as it was written, and anything else is none") {
  const std::string text = cursor_text("file:/srv", some);
  stream_positions read;
  CHECK(parse_cursor(text, "file:/srv", read));
  CHECK(read == some);
  CHECK_FALSE(parse_cursor(text, "file:/other", read));
  CHECK_FALSE(parse_cursor(text + "x", "file:/srv", read));
  // Cut anywhere.
  for (std::size_t n = 0; n + 1 < text.size(); ++n) {
    INFO(n);
    CHECK_FALSE(parse_cursor(std::string_view(text).substr(0, n), "file:/srv", read));
  }
  for (const std::string_view line :
       {"h 0 1 2", "h 0 1 2 3 1", "h 0 1 2 3 x", "h 0 1 2 3 0 1", "h 0 1 2 x", " 0 1 2 3",
        "h -1 1 2 3", "h 0 1 9223372036854775808 3"}) {
    INFO(line);
    CHECK_FALSE(parse_cursor("tcpinfo-publish 1\nn\n" + std::string(line) + "\nend\n", "n", read));
  }
  CHECK(parse_cursor("tcpinfo-publish 1\nn\nend\n", "n", read));
  CHECK(read.empty());
}

TEST_CASE("a cursor that could not be written leaves the one before") {
  const scratch_directory scratch;
  scripted_kernel kernel;
  scripted_os system(kernel);
  cursor one(system, scratch.path().string(), "file:/srv");
  cursor other(system, scratch.path().string(), "file:/other");
  stream_positions read;
  CHECK_FALSE(one.load(read));
  CHECK(read.empty());
  CHECK_FALSE(one.save(some));
  for (const std::string_view failing : {"append", "sync", "replace"}) {
    INFO(failing);
    system.before_deed = [failing](std::string_view deed, const std::string&) {
      return deed == failing ? std::error_code(EIO, std::system_category()) : std::error_code();
    };
    CHECK(one.save({}));
    system.before_deed = nullptr;
    CHECK_FALSE(one.load(read));
    CHECK(read == some);
  }
  CHECK_FALSE(one.save({}));
  CHECK_FALSE(one.load(read));
  CHECK(read.empty());
  CHECK_FALSE(other.load(read));
  std::ofstream(one.path()) << "something else";
  CHECK(is_errno(one.load(read), EBADMSG));
}

TEST_CASE("a frame is measured by its headers, wherever it is cut") {
  const made_blocks made(1);
  const std::string all = made.frames[0] + made.index;
  using form = frame_extent::form;
  const auto measure = [](std::string_view text) {
    return measure_frame(std::as_bytes(std::span(text)));
  };
  CHECK(measure(all).what == form::frame);
  CHECK(measure(all).size == made.frames[0].size());
  CHECK(measure(made.index).what == form::skippable);
  CHECK(measure(made.index).size == made.index.size());
  for (const std::string& one : {made.frames[0], made.index})
    for (std::size_t n = 0; n < one.size(); ++n) {
      INFO(n);
      const frame_extent cut = measure(std::string_view(one).substr(0, n));
      CHECK(cut.what == form::unfinished);
      CHECK(cut.size > n);
      CHECK(cut.size <= one.size());
    }
  CHECK(measure("{\"UUID\":").what == form::none);
}

TEST_CASE("blocks are found in a segment that grows, is cut, or damaged") {
  const scratch_directory scratch;
  const std::string path = (scratch.path() / "a").string();
  const auto system = make_linux_os({scratch.path().string(), 0640});
  const made_blocks made(3);
  const auto write = [&path](const std::string& text) { std::ofstream(path) << text; };
  using kind = found_block::kind;
  block_file file;
  found_block found;

  write(made.frames[0] + made.frames[1].substr(0, 20));
  REQUIRE_FALSE(file.open(*system, path));
  REQUIRE_FALSE(file.find(0, false, found));
  CHECK(found.what == kind::block);
  CHECK(found.number == 0);
  CHECK(std::ranges::equal(found.frame, bytes_of(made.frames[0])));
  std::uint64_t at = found.end;
  REQUIRE_FALSE(file.find(at, false, found));
  CHECK(found.what == kind::end);
  // The same descriptor shows what has come.
  write(made.all() + made.index);
  for (std::uint32_t number : {1U, 2U}) {
    REQUIRE_FALSE(file.find(at, false, found));
    CHECK(found.what == kind::block);
    CHECK(found.number == number);
    at = found.end;
  }
  REQUIRE_FALSE(file.find(at, false, found));
  CHECK(found.what == kind::end);

  // Something of others between two, too long to be read at once.
  std::string long_one = "\x50\x2a\x4d\x18";
  const std::size_t length = std::size_t{9} << 20;
  for (int shift = 0; shift < 32; shift += 8)
    long_one += static_cast<char>(static_cast<unsigned char>(length >> shift & 0xffU));
  write(made.frames[0] + long_one + std::string(length, 'x') + made.frames[1]);
  REQUIRE_FALSE(file.open(*system, path));
  REQUIRE_FALSE(file.find(made.frames[0].size(), true, found));
  CHECK(found.what == kind::block);
  CHECK(found.number == 1);

  // Every byte of the second block, and what is not ours between two.
  for (std::size_t i = 0; i < made.frames[1].size(); ++i) {
    INFO(i);
    std::string damaged = made.all();
    damaged[made.frames[0].size() + i] ^= 0x55;
    write(damaged);
    REQUIRE_FALSE(file.open(*system, path));
    std::vector<std::uint32_t> numbers;
    for (at = 0;; at = found.end) {
      REQUIRE_FALSE(file.find(at, true, found));
      if (found.what == kind::end) break;
      CHECK(found.end > at);
      if (found.what == kind::block) numbers.push_back(found.number);
    }
    CHECK(numbers == std::vector<std::uint32_t>{0, 2});
  }
}
