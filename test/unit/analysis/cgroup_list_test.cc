// SPDX-License-Identifier: Apache-2.0
#include "analysis/cgroup_list.h"

#include <stdlib.h>
#include <sys/stat.h>

#include <filesystem>
#include <map>
#include <string>

#include "unit/catch.h"

namespace fs = std::filesystem;
using tcpinfo::analysis::for_each_cgroup;

TEST_CASE("control groups are told by number and path, and one that vanishes costs itself") {
  char made[] = "/tmp/groups-test-XXXXXX";
  REQUIRE(::mkdtemp(made) != nullptr);
  const fs::path mount = made;
  for (const char* name : {"a/a", "b/b", "c/c", "d/d"}) fs::create_directories(mount / name);
  std::map<std::string, std::uint64_t, std::less<>> told;
  for_each_cgroup(mount.string(), [&told](std::uint64_t id, std::string_view path) {
    CHECK(told.emplace(path, id).second);
  });
  CHECK(told.size() == 9);
  for (const auto& [path, id] : told) {
    struct ::stat about {};
    REQUIRE(::stat((mount.string() + path).c_str(), &about) == 0);
    CHECK(about.st_ino == id);
  }
  // Whichever comes first, another one ends then.
  std::size_t others = 0;
  std::string gone;
  for_each_cgroup(mount.string(), [&](std::uint64_t, std::string_view path) {
    if (path == "/") return;
    if (gone.empty()) {
      gone = path.starts_with("/b") ? "/c" : "/b";
      fs::remove_all(mount / gone.substr(1));
    }
    CHECK_FALSE(path.starts_with(gone));
    ++others;
  });
  CHECK(others == 6);
  fs::remove_all(mount);
  for_each_cgroup(mount.string(), [](std::uint64_t, std::string_view) { FAIL("there are none"); });
}
