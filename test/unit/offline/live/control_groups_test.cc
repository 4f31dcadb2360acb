// SPDX-License-Identifier: Apache-2.0
#include "offline/live/control_groups.h"

#include <stdlib.h>
#include <sys/stat.h>

#include <filesystem>
#include <string>

#include "unit/catch.h"

using namespace tcpinfo::offline;
namespace fs = std::filesystem;

namespace {

std::uint64_t inode_of(const fs::path& path) {
  struct stat about {};
  REQUIRE(::stat(path.c_str(), &about) == 0);
  return about.st_ino;
}

}  // namespace

TEST_CASE("a control group is found by the inode number of its folder") {
  char made[] = "/tmp/groups-test-XXXXXX";
  REQUIRE(::mkdtemp(made) != nullptr);
  const fs::path mount = made;
  fs::create_directories(mount / "system.slice" / "nginx.service");
  control_groups groups(mount.string());
  CHECK(groups.path_of(inode_of(mount)) == "/");
  CHECK(groups.path_of(inode_of(mount / "system.slice" / "nginx.service")) ==
        "/system.slice/nginx.service");
  CHECK(groups.path_of(~std::uint64_t{0}).empty());
  fs::remove_all(mount);
  // There are none on this machine.
  control_groups none((mount / "nowhere").string());
  CHECK(none.path_of(1).empty());
}

TEST_CASE("a control group is called by what people know") {
  const std::string id(64, 'a');
  CHECK(short_name("/system.slice/nginx.service") == "nginx.service");
  CHECK(short_name("/system.slice/docker-" + id + ".scope") == "container aaaaaaaaaaaa");
  CHECK(short_name("/odd") == "/odd");
  const std::string pod = "12345678-1234-1234-1234-123456789abc";
  CHECK(short_name("/kubepods/burstable/pod" + pod + "/" + id) == "pod " + pod + " aaaaaaaaaaaa");
}
