// SPDX-License-Identifier: Apache-2.0
#include "offline/filters/passed_over.h"

#include <filesystem>

#include "unit/catch.h"
#include "unit/offline/files.h"

using namespace tcpinfo;
using namespace tcpinfo::offline;

namespace {

constexpr std::int64_t second_ns = 1'000'000'000;
constexpr std::int64_t day_ns = 86'400 * second_ns;
// 2026-01-31T00:00:00Z
constexpr std::int64_t day = 1'769'817'600;

timestamp at(std::int64_t seconds_into_day, std::uint32_t ns = 0) {
  return {day + seconds_into_day, ns, 0};
}

/// A day's folder, real as those of a collector.
class day_folder {
 public:
  explicit day_folder(const std::string& under = "") {
    path_ = dir_.path() + "/" + under + "2026/01/31";
    std::filesystem::create_directories(path_);
  }
  [[nodiscard]] std::string file(const std::string& name) const { return path_ + "/" + name; }
  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] std::string root() const { return dir_.path(); }

 private:
  scratch dir_;
  std::string path_;
};

const std::string ours = "h_1_00000000000000AB.00000.jsonl.zst";

bool covers(const filter_options& filter, const std::string& path,
            std::int64_t modified_ns = day * second_ns) {
  return passed_over(filter).covers(path, [modified_ns] { return modified_ns; });
}

}  // namespace

TEST_CASE("a file of another connection is passed over by its name") {
  const day_folder d;
  const filter_options uuid{.uuids = {"h_1_00000000000000AB"}};
  const filter_options cookie{.uuids = {"AC", "ab"}};
  for (const char* ending : {".00000.jsonl.zst", ".00017.jsonl", ".00017.jsonl.zst.part"}) {
    const std::string same = d.file("h_1_00000000000000AB" + std::string(ending));
    const std::string other = d.file("h_1_00000000000000AD" + std::string(ending));
    for (const filter_options& o : {uuid, cookie}) {
      CHECK_FALSE(covers(o, same));
      CHECK(covers(o, other));
    }
    CHECK_FALSE(covers({}, other));
    CHECK_FALSE(covers({.ports = {443}}, other));
  }
  // One that is passed over for its time is known all the same.
  const filter_options seen{.uuids = {"h_1_00000000000000AB", "AD"}, .until = at(0)};
  CHECK(covers(seen, d.file(ours)));
  CHECK(seen.uuids.unmet() == std::vector<std::string>{"AD"});
}

TEST_CASE("only what has a collector's path and name is passed over") {
  const day_folder d;
  const filter_options o{.uuids = {"h_1_00000000000000AC"}, .since = at(10 * 86'400)};
  CHECK(covers(o, d.file(ours)));
  for (const std::string name :
       {"h_1_00000000000000AB.0.jsonl.zst", "h_1_00000000000000AB.jsonl.zst", "ab.00000.jsonl.zst",
        "h_1_0AB.00000.jsonl.zst", "h_1_00000000000000AB.00000.json", "all.jsonl", "x.pcap",
        "h_1_00000000000000AB.00000.jsonl.zst.part.damaged"})
    CHECK_FALSE(covers(o, d.file(name)));
  for (const std::string folder : {"2026/01", "2026/13/31", "2026/02/30", "26/01/31", "x2026/01/31",
                                   "2026/01/31/x", "2026-01-31", "2026/1/31"}) {
    const std::string path = d.root() + "/" + folder;
    std::filesystem::create_directories(path);
    CHECK_FALSE(covers(o, path + "/" + ours));
  }
  CHECK_FALSE(covers(o, ours));
  CHECK_FALSE(covers(o, "/" + ours));
  CHECK_FALSE(covers(o, "-"));
}

TEST_CASE("the folder is known by its real path") {
  const day_folder d;
  const filter_options o{.uuids = {"h_1_00000000000000AC"}};
  std::filesystem::create_directory_symlink(d.path(), d.root() + "/today");
  CHECK(covers(o, d.root() + "/today/" + ours));
  CHECK(covers(o, d.path() + "/../31/" + ours));
  CHECK(covers(o, d.path() + "//" + ours));
  const auto before = std::filesystem::current_path();
  std::filesystem::current_path(d.path());
  CHECK(covers(o, ours));
  CHECK(covers(o, "./" + ours));
  std::filesystem::current_path(before);
  // Two folders in turn are not taken for each other.
  passed_over p(o);
  const auto never_asked = []() -> std::int64_t {
    FAIL("asked for a time that decides nothing");
    return 0;
  };
  CHECK(p.covers(d.file(ours), never_asked));
  CHECK_FALSE(p.covers(d.root() + "/" + ours, never_asked));
  CHECK(p.covers(d.file(ours), never_asked));
}

TEST_CASE("--until passes over folders of later days") {
  const day_folder d;
  CHECK(covers({.until = at(-1)}, d.file(ours)));
  CHECK(covers({.until = at(0)}, d.file(ours)));
  CHECK_FALSE(covers({.until = at(0, 1)}, d.file(ours)));
  CHECK_FALSE(covers({.until = at(86'400)}, d.file(ours)));
  // Whenever it was last written to.
  CHECK_FALSE(covers({.until = at(3600)}, d.file(ours), (day + 7200) * second_ns));
}

TEST_CASE("--since passes over folders of earlier days, but not what went on after midnight") {
  const day_folder d;
  const std::int64_t midnight = (day + 86'400) * second_ns;
  const filter_options next_day{.since = at(86'400)};
  const filter_options later{.since = at(86'400 + 3600)};
  CHECK(covers(next_day, d.file(ours), midnight - 60 * second_ns));
  CHECK(covers(later, d.file(ours), midnight + 3500 * second_ns));
  CHECK_FALSE(covers(next_day, d.file(ours), midnight));
  CHECK_FALSE(covers(next_day, d.file(ours), midnight + day_ns));
  CHECK_FALSE(covers(later, d.file(ours), midnight + 3600 * second_ns));
  // Stamps of files lag behind: one of the same second says nothing.
  CHECK_FALSE(covers(next_day, d.file(ours), midnight - 1));
  // Where the time cannot be had, reading it tells why.
  CHECK_FALSE(passed_over(next_day).covers(d.file(ours), [] { return std::nullopt; }));
  // The day itself is looked into, however old the files are.
  CHECK_FALSE(covers({.since = at(86'399)}, d.file(ours), 0));
}

TEST_CASE("segments are passed over by their folder's day, never by a UUID") {
  const day_folder d;
  for (const char* name : {"h.1-2.0.1.tcpseg.zst", "h.tcpseg", "h.tcpseg.zst.part"}) {
    const std::string path = d.file(name);
    CHECK_FALSE(covers({}, path));
    CHECK_FALSE(covers({.uuids = {"h_1_00000000000000AD"}}, path));
    CHECK(covers({.until = at(0)}, path));
    CHECK_FALSE(covers({.until = at(1)}, path));
    CHECK(covers({.since = at(86'400 + 10)}, path));
    CHECK_FALSE(covers({.since = at(86'400 + 10)}, path, (day + 86'400 + 9) * second_ns));
    CHECK_FALSE(covers({.since = at(86'399)}, path));
    CHECK(covers({.uuids = {"x"}, .until = at(0)}, path));
  }
  CHECK_FALSE(covers({.until = at(0)}, d.root() + "/h.tcpseg.zst"));
}
