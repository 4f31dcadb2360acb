// SPDX-License-Identifier: Apache-2.0
//
// Summaries of a segment that are more than are held at once.
#include "offline/inputs/segment_summaries.h"

#include <tcpinfo/archive.h>
#include <tcpinfo/segment.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "offline/inputs/window_limit.h"
#include "unit/catch.h"

using namespace tcpinfo::offline;
namespace fs = std::filesystem;

namespace {

void require(const std::error_code& ec) { REQUIRE_FALSE(ec); }

void append(std::ofstream& to, tcpinfo::bytes_view bytes) {
  to.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
}

// A segment whose archives have a line each, and in the summary of each `said` records.
void write_segment(const fs::path& path, unsigned archives, std::uint64_t said = 1) {
  std::ofstream file(path, std::ios::binary);
  tcpinfo::segment_writer writer;
  require(writer.create({}));
  for (unsigned i = 0; i < archives; ++i) {
    const std::string uuid = "host_" + std::to_string(i);
    tcpinfo::metadata about;
    about.uuid = uuid;
    tcpinfo::segment_archive archive;
    archive.about = &about;
    archive.path = uuid;
    std::uint32_t number = 0;
    require(writer.begin(archive, number));
    require(writer.add_line(number, "no message\n"));
    const std::vector<tcpinfo::summary_value> values = {{tcpinfo::summary_records, 0, said}};
    tcpinfo::segment_summary summary;
    summary.values = values;
    require(writer.add_summary(archive, summary));
  }
  tcpinfo::bytes_view bytes;
  require(writer.flush(bytes));
  append(file, bytes);
  require(writer.flush_summaries(bytes));
  append(file, bytes);
  require(writer.finish(bytes));
  append(file, bytes);
}

std::vector<std::string> handed_on(segment_summaries& from) {
  std::vector<std::string> all;
  from.hand_on([&](input_summary& s) {
    all.push_back(std::string(s.uuid) + " " + std::to_string(s.of.count()));
  });
  return all;
}

}  // namespace

TEST_CASE("summaries beyond those that are held are handed on all the same, in their order") {
  std::string name = (fs::temp_directory_path() / "summaries.XXXXXX").string();
  REQUIRE(::mkdtemp(name.data()) != nullptr);
  const std::string path = name + "/x.tcpseg.zst";
  const std::string wrong = name + "/wrong.tcpseg.zst";
  constexpr unsigned archives = 10;
  write_segment(path, archives);
  write_segment(wrong, archives, 2);
  std::vector<std::string> wanted;
  for (unsigned i = 0; i < archives; ++i) wanted.push_back("host_" + std::to_string(i) + " 1");
  for (const std::size_t most :
       {std::size_t{1}, std::size_t{4}, std::size_t{10}, std::size_t{11}}) {
    INFO(most);
    segment_summaries reader(usual_window_log, most);
    for (int again = 0; again < 2; ++again) {
      REQUIRE(reader.read(path, {}));
      CHECK(reader.records() == archives);
      CHECK(handed_on(reader) == wanted);
      CHECK(handed_on(reader).empty());
      // Of what tells of other records nothing is handed on.
      CHECK_FALSE(reader.read(wrong, {}));
      CHECK(handed_on(reader).empty());
    }
  }
  fs::remove_all(name);
}
