// SPDX-License-Identifier: Apache-2.0
//
// What a watch costs where the system does not tell of changes.
#include "offline/inputs/following/folder_watch.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "unit/catch.h"

using namespace tcpinfo::offline;
namespace fs = std::filesystem;

namespace {

std::int64_t now_ns() {
  timespec t{};
  clock_gettime(CLOCK_MONOTONIC, &t);
  return std::int64_t{t.tv_sec} * 1'000'000'000 + t.tv_nsec;
}

struct watched_folder {
  watched_folder() {
    std::string name = (fs::temp_directory_path() / "folder_watch.XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path = name;
  }
  ~watched_folder() { fs::remove_all(path); }
  watched_folder(const watched_folder&) = delete;
  watched_folder& operator=(const watched_folder&) = delete;

  void add(int number) const { ::close(open(number)); }
  [[nodiscard]] int open(int number) const {
    const int fd = ::open((path / std::to_string(number)).c_str(), O_CREAT | O_WRONLY, 0600);
    REQUIRE(fd >= 0);
    return fd;
  }

  fs::path path;
};

struct told_watch {
  // `deaf`: without a descriptor for inotify.
  told_watch(const watched_folder& folder, bool deaf) {
    rlimit before{};
    REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
    const rlimit none{0, before.rlim_max};
    if (deaf) REQUIRE(::setrlimit(RLIMIT_NOFILE, &none) == 0);
    watch.emplace(
        folder.path.string(), [this](const std::string&, file_change) { ++told; },
        [](const std::string&, std::string_view) {});
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &before) == 0);
  }

  std::optional<folder_watch> watch;
  int told = 0;
};

}  // namespace

TEST_CASE("folders that only a look shows are looked through once a second, of many names less") {
  const watched_folder folder;
  told_watch deaf(folder, true);
  constexpr std::int64_t second = 1'000'000'000;
  for (const int files : {10, 25'000}) {
    for (int i = deaf.told; i < files; ++i) folder.add(i);
    deaf.told = 0;
    const std::int64_t before_ns = now_ns();
    REQUIRE(deaf.watch->look());
    CHECK(deaf.told == files);
    CHECK(deaf.watch->descriptor() == -1);
    const std::int64_t due_ns = deaf.watch->due_ns();
    CHECK(due_ns >= before_ns + (files == 10 ? second : second * 5 / 4));
    CHECK(due_ns <= now_ns() + (files == 10 ? second : second * 5 / 4));
    // Not before it is due.
    REQUIRE(deaf.watch->take());
    if (now_ns() < due_ns) CHECK(deaf.told == files);
  }
}

TEST_CASE(
    "what the system could not tell is looked for at once, and less often where that goes on") {
  const watched_folder folder;
  constexpr int files = 6'000;  // no two such looks within 0.3 s
  for (int i = 0; i < files; ++i) folder.add(i);
  told_watch hearing(folder, false);
  REQUIRE(hearing.watch->look());
  std::size_t most_events = 0;
  std::ifstream("/proc/sys/fs/inotify/max_queued_events") >> most_events;
  if (hearing.watch->descriptor() < 0 || most_events == 0 || most_events > 1'000'000) {
    WARN("inotify's queue cannot be filled here");
    return;
  }
  const auto fill_queue = [&] {
    const int fds[] = {folder.open(0), folder.open(1)};
    // By turns, since the same twice is told once.
    for (std::size_t i = 0; i <= most_events; ++i) REQUIRE(::pwrite(fds[i % 2], "x", 1, 0) == 1);
    for (const int fd : fds) ::close(fd);
  };
  hearing.told = 0;
  fill_queue();
  // Before the look: that the next one is due is counted from its end on.
  const std::int64_t before_ns = now_ns();
  REQUIRE(hearing.watch->take());
  CHECK(hearing.told >= files);
  hearing.told = 0;
  fill_queue();
  REQUIRE(hearing.watch->take());
  if (now_ns() < before_ns + 300'000'000) CHECK(hearing.told < files);
}

TEST_CASE("folders that the system tells of need no look") {
  const watched_folder folder;
  told_watch hearing(folder, false);
  REQUIRE(hearing.watch->look());
  if (hearing.watch->descriptor() < 0) {
    WARN("inotify is not to be had here");
    return;
  }
  CHECK(hearing.watch->due_ns() == std::numeric_limits<std::int64_t>::max());
  folder.add(1);
  REQUIRE(hearing.watch->take());
  CHECK(hearing.told >= 1);
  CHECK(hearing.watch->due_ns() == std::numeric_limits<std::int64_t>::max());
}
