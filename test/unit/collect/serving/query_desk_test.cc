// SPDX-License-Identifier: Apache-2.0
//
// What a question names, and how it is answered where there is no writer, or no answer of one.
#include "collect/serving/query_desk.h"

#include <algorithm>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "collect/serving/recent_records.h"
#include "text/endpoints.h"
#include "unit/catch.h"
#include "unit/collect/scratch_directory.h"
#include "unit/durations.h"
#include "unit/made_socket.h"
#include "unit/segment/segment_files.h"

using namespace tcpinfo;
using namespace tcpinfo::collect;
using segment_files::frame_of;
using segment_files::skippable_frame;

namespace {

named_flow parsed(std::string_view path) {
  named_flow out;
  INFO(path);
  CHECK(parse_query_path(path, out).empty());
  return out;
}

std::string line_of(std::uint64_t cookie, std::int64_t time_ns) {
  made_socket socket;
  socket.cookie = cookie;
  const message m = socket.view();
  std::string line(max_record_size(m), '\0');
  std::size_t size = 0;
  REQUIRE_FALSE(encode_record(line, size, timestamp::from_unix_nanoseconds(time_ns), m));
  line.resize(size);
  return line;
}

std::size_t lines_in(std::string_view text) {
  return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
}

}  // namespace

TEST_CASE("a question's path names a connection by cookie, UUID or ends") {
  CHECK(parsed("/cookie/26").wanted.cookie == 26);
  CHECK(parsed("/cookie/0x1f").wanted.cookie == 0x1f);
  CHECK(parsed("/cookie/0xffffffffffffffff").wanted.cookie == ~std::uint64_t{0});
  const named_flow by_uuid = parsed("/uuid/a%5fb_000000000000001F");
  CHECK(by_uuid.uuid == "a_b_000000000000001F");
  CHECK(by_uuid.wanted.cookie == 0x1f);
  for (const char* path : {"/ends/192.0.2.1:443-198.51.100.9:5201",
                           "/ends/%3192.0.2.1%3a443%20%20198.51.100.9:5201"}) {
    const auto ends = parsed(path).wanted.ends;
    REQUIRE(ends);
    CHECK(text::format_ends(*ends) == "192.0.2.1:443-198.51.100.9:5201");
  }
  const auto v6 = parsed("/ends/%5B2001:db8::1%5D:443-[::ffff:192.0.2.1]:1").wanted.ends;
  REQUIRE(v6);
  CHECK(text::format_ends(*v6) == "[2001:db8::1]:443-192.0.2.1:1");
}

TEST_CASE("a path that names no connection is refused with what is wrong") {
  for (const char* path : {"",
                           "/",
                           "/cookie",
                           "/cookie/",
                           "/cookie/0",
                           "/cookie/-1",
                           "/cookie/1x",
                           "/cookie/0x",
                           "/cookie/18446744073709551616",
                           "/cookie/1%",
                           "/cookie/1%3",
                           "/cookie/%0g",
                           "/uuid/",
                           "/uuid/a",
                           "/uuid/a_1F",
                           "/uuid/a%2f_000000000000001F",
                           "/ends/",
                           "/ends/1.2.3.4:5",
                           "/ends/1.2.3.4:5-6.7.8.9:x",
                           "/metrics/1",
                           "cookie/1"}) {
    named_flow out;
    out.wanted.cookie = 7;
    INFO(path);
    CHECK_FALSE(parse_query_path(path, out).empty());
    CHECK(out.wanted.cookie == 7);
  }
}

TEST_CASE("where nobody knows the connection the answer is 404, and 400 where none is named") {
  const std::vector<std::unique_ptr<writer>> none;
  query_desk desk(none);
  CHECK(desk.answer("/cookie/1").status.starts_with("404"));
  CHECK(desk.answer("/cookie/").status.starts_with("400"));
  // Nobody who still waits holds up the end.
  desk.end();
  CHECK(desk.answer("/cookie/1").status.starts_with("503"));
}

TEST_CASE("an answer has the latest records, of the last minute, and no more than it may") {
  recent_answer said;
  for (const std::uint64_t cookie : {1U, 2U}) {
    auto& flow = said.flows.emplace_back();
    flow.cookie = cookie;
    for (int i = 0; i < 600; ++i) flow.lines += line_of(cookie, (1000 + i / 20) * second + i);
  }
  // Older than a minute before the last one, of a third connection.
  auto& old = said.flows.emplace_back();
  old.cookie = 3;
  old.lines = line_of(3, 900 * second) + line_of(3, 1020 * second);
  // And what nobody asked for is not told.
  old.lines += line_of(4, 1020 * second);
  recent_records records;
  records.take(said);
  const std::string lines = records.lines();
  // Two have the time of the oldest one, of which there is room for one.
  CHECK(lines_in(lines) == most_asked_records - 1);
  CHECK(lines.find(line_of(3, 900 * second)) == std::string::npos);
  CHECK(lines.find(line_of(3, 1020 * second)) != std::string::npos);
  CHECK(lines.find(line_of(4, 1020 * second)) == std::string::npos);
  // The oldest are left out, of either.
  for (const std::uint64_t cookie : {1U, 2U}) {
    CHECK(lines.find(line_of(cookie, 1000 * second)) == std::string::npos);
    CHECK(lines.find(line_of(cookie, 1029 * second + 599)) != std::string::npos);
  }
}

TEST_CASE("of a file that is too long to be read whole the end is told, and whose it is") {
  const scratch_directory scratch;
  const std::string path = (scratch.path() / "long.jsonl.zst").string();
  metadata about;
  about.uuid = "host_1_unsafe_0000000000000001";
  about.start_time = timestamp::from_unix_nanoseconds(second);
  std::string head(max_metadata_size(about), '\0');
  std::size_t size = 0;
  REQUIRE_FALSE(encode_metadata(head, size, about));
  head.resize(size);
  // A frame that says nothing stands for all that lies between.
  const std::string between = skippable_frame(std::string(std::size_t{9} << 20, '\0'));
  std::ofstream(path, std::ios::binary) << frame_of(head + line_of(1, 1000 * second)) << between
                                        << frame_of(line_of(1, 1001 * second));
  recent_answer said;
  said.flows.emplace_back().cookie = 1;
  said.flows.back().file.complete = path;
  recent_records records;
  records.take(said);
  // The record of the beginning, behind which others may be missing, is not among them.
  CHECK(records.lines() == head + line_of(1, 1001 * second));
}

TEST_CASE("an answer without any record is empty, and damage costs what is damaged") {
  recent_answer said;
  said.flows.emplace_back().cookie = 1;
  said.flows.back().file.complete = "/nowhere/at/all";
  said.shared.push_back({.complete = "/nowhere/either"});
  {
    recent_records records;
    records.take(said);
    CHECK(records.lines().empty());
  }
  said.flows.back().lines = "no line\n" + line_of(1, second) + "{\n" + line_of(1, 2 * second);
  recent_records records;
  records.take(said);
  CHECK(records.lines() == line_of(1, second) + line_of(1, 2 * second));
}
