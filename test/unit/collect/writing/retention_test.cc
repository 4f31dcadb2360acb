// SPDX-License-Identifier: Apache-2.0
//
// What --max-age and --max-disk remove, on a real file system.
#include "collect/writing/retention.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <chrono>
#include <optional>
#include <thread>

#include "unit/collect/run.h"

namespace {

constexpr std::int64_t hour = 3'600'000'000'000;
constexpr std::int64_t day = 24 * hour;

struct tree {
  scratch_directory scratch;
  fs::path output = scratch.path() / "out";
  std::unique_ptr<os> system = make_linux_os({output.string(), 0640});
  statistics counts;

  tree() { fs::create_directories(output); }

  // A file of some bytes that was last written to so long ago.
  fs::path put(const std::string& name, std::int64_t age_ns, std::size_t size = 100) const {
    const fs::path path = output / name;
    fs::create_directories(path.parent_path());
    std::ofstream(path) << std::string(size, 'x');
    const std::int64_t then = system->realtime_ns() - age_ns;
    const timespec times[2] = {{then / 1'000'000'000, then % 1'000'000'000},
                               {then / 1'000'000'000, then % 1'000'000'000}};
    REQUIRE(::utimensat(AT_FDCWD, path.c_str(), times, 0) == 0);
    return path;
  }
  void look(retention_limits limits) {
    captured.emplace();
    retention(*system, counts, output.string(), limits).look();
    said = captured->text();
    captured.reset();
  }
  std::uint64_t allocated() const {
    std::uint64_t sum = 0;
    for (const auto& entry : fs::recursive_directory_iterator(output)) {
      struct stat status {};
      REQUIRE(::lstat(entry.path().c_str(), &status) == 0);
      if (entry.is_regular_file()) sum += static_cast<std::uint64_t>(status.st_blocks) * 512;
    }
    return sum;
  }

  std::optional<captured_errors> captured;
  std::string said;
};

std::string name(unsigned cookie, unsigned sequence = 0) {
  char text[64];
  std::snprintf(text, sizeof text, "test_%016X.%05u.jsonl.zst", cookie, sequence);
  return text;
}

}  // namespace

TEST_CASE("segments are removed as archives are, and nothing that is no complete segment of ours") {
  tree t;
  const std::string stem = "2020/01/30/host.20200130T120000Z-0.0.";
  const fs::path old = t.put(stem + "00000.tcpseg.zst", 40 * day, 50'000);
  const fs::path later = t.put(stem + "00001.tcpseg.zst", day, 50'000);
  const fs::path part = t.put(stem + "00002.tcpseg.zst.part", 40 * day);
  const fs::path damaged = t.put(stem + "00003.tcpseg.zst.part.damaged", 40 * day);
  const fs::path packed = t.put("2020/01/30/packed.tcpseg.zst", 40 * day);
  t.look({.max_age_ns = 30 * day});
  CHECK_FALSE(fs::exists(old));
  CHECK(fs::exists(later));
  CHECK(t.counts.retention_files_age.get() == 1);
  t.look({.max_disk = 20'000});
  CHECK_FALSE(fs::exists(later));
  CHECK(t.counts.retention_files_disk.get() == 1);
  CHECK(fs::exists(part));
  CHECK(fs::exists(damaged));
  CHECK(fs::exists(packed));
}

TEST_CASE("archives beyond an age are removed, and nothing else is") {
  tree t;
  const fs::path old = t.put("2020/01/30/" + name(1), 40 * day);
  const fs::path written_to_lately = t.put("2020/01/31/" + name(2), day);
  const fs::path recent = t.put("2026/11/20/" + name(3), day);
  // Of another form, or another place.
  const std::vector<fs::path> kept = {
      t.put(".tcpinfo-collect.lock", 40 * day),
      t.put("2020/01/31/" + name(4) + ".part", 40 * day),
      t.put("2020/01/31/" + name(5) + ".part.damaged", 40 * day),
      t.put("2020/01/31/notes.txt", 40 * day),
      t.put("2020/01/31/other.jsonl", 40 * day),
      t.put("2020/01/" + name(6), 40 * day),
      t.put("mine/01/31/" + name(7), 40 * day),
      t.put("2020/02/01/below/" + name(8), 40 * day),
  };
  fs::create_symlink(old, t.output / "2020/02/01" / name(9));
  t.look({.max_age_ns = 30 * day});
  CHECK_FALSE(fs::exists(old));
  CHECK(fs::exists(written_to_lately));
  CHECK(fs::exists(recent));
  for (const fs::path& path : kept) {
    INFO(path);
    CHECK(fs::exists(path));
  }
  CHECK(fs::is_symlink(t.output / "2020/02/01" / name(9)));
  // The folder is empty now; the others are not.
  CHECK_FALSE(fs::exists(t.output / "2020/01/30"));
  CHECK(fs::exists(t.output / "2020/01/31"));
  CHECK(t.counts.retention_files_age.get() == 1);
  CHECK(t.counts.retention_bytes_age.get() > 0);
  CHECK(t.counts.retention_files_disk.get() == 0);
  CHECK(t.counts.retention_faults.get() == 0);
  CHECK(t.said.find("removed 1 archives, ") != std::string::npos);
  CHECK(t.said.find("older than 720h (--max-age)") != std::string::npos);
  t.look({.max_age_ns = 30 * day});
  CHECK(t.said.empty());
}

TEST_CASE("folders go with their last archive, up to the year") {
  tree t;
  t.put("2020/01/30/" + name(1), 40 * day);
  t.put("2019/12/31/" + name(2), 40 * day);
  t.put("2020/02/01/" + name(3), day);
  t.look({.max_age_ns = 30 * day});
  CHECK_FALSE(fs::exists(t.output / "2019"));
  CHECK_FALSE(fs::exists(t.output / "2020/01"));
  CHECK(fs::exists(t.output / "2020/02/01"));
  CHECK(fs::exists(t.output));
}

TEST_CASE("where too much of the disk is taken the oldest archives go") {
  tree t;
  constexpr std::size_t size = 40'000;
  // The oldest day first, whatever the files' times; of one day those written to first.
  const fs::path first = t.put("2020/01/30/" + name(1), hour, size);
  const fs::path second = t.put("2020/01/31/" + name(2), 9 * hour, size);
  const fs::path third = t.put("2020/01/31/" + name(3), 8 * hour, size);
  const fs::path fourth = t.put("2020/01/31/" + name(4), 7 * hour, size);
  const fs::path part = t.put("2020/01/30/" + name(5) + ".part", 40 * day, size);
  const fs::path foreign = t.put("notes", 40 * day, size);
  const std::uint64_t all = t.allocated();
  t.look({.max_disk = all});
  CHECK(t.counts.retention_files_disk.get() == 0);
  CHECK(t.counts.output_allocated.load() == static_cast<std::int64_t>(all));
  t.look({.max_disk = all - 1});
  CHECK_FALSE(fs::exists(first));
  CHECK(fs::exists(second));
  t.look({.max_disk = all - 3 * size});
  CHECK_FALSE(fs::exists(second));
  CHECK_FALSE(fs::exists(third));
  CHECK(fs::exists(fourth));
  CHECK(t.allocated() <= all - 3 * size);
  CHECK(t.counts.output_allocated.load() == static_cast<std::int64_t>(t.allocated()));
  CHECK(t.said.find("--max-disk") != std::string::npos);
  // What is not an archive counts, and stays, even where it is too much by itself.
  t.look({.max_disk = 1});
  CHECK_FALSE(fs::exists(fourth));
  CHECK(fs::exists(part));
  CHECK(fs::exists(foreign));
  CHECK(t.counts.retention_files_disk.get() == 4);
}

TEST_CASE("an archive that cannot be removed is said and counted") {
  tree t;
  scripted_kernel kernel;
  scripted_os system(kernel);
  t.put("2020/01/30/" + name(1), 40 * day);
  const std::string output = t.output.string();
  system.realtime = t.system->realtime_ns();
  system.before_deed = [](std::string_view deed, const std::string&) -> std::error_code {
    if (deed != "remove") return {};
    return {EROFS, std::system_category()};
  };
  captured_errors errors;
  retention(system, t.counts, output, {.max_age_ns = day}).look();
  const std::string said = errors.text();
  CHECK(t.counts.retention_faults.get() == 1);
  CHECK(t.counts.retention_files_age.get() == 0);
  CHECK(said.find("cannot remove " + output + "/2020/01/30/" + name(1)) != std::string::npos);
}

TEST_CASE("retention that has nothing to do has no thread, and one that works ends when told") {
  tree t;
  t.put("2020/01/30/" + name(1), 40 * day);
  retention none(*t.system, t.counts, t.output.string(), {});
  REQUIRE_FALSE(none.start());
  none.finish();
  CHECK(fs::exists(t.output / "2020/01/30" / name(1)));
  captured_errors errors;
  retention some(*t.system, t.counts, t.output.string(), {.max_age_ns = day});
  REQUIRE_FALSE(some.start());
  while (t.counts.retention_files_age.get() == 0) std::this_thread::yield();
  some.finish();
  CHECK_FALSE(fs::exists(t.output / "2020/01/30" / name(1)));
}

TEST_CASE("dates of folders and times tell each other") {
  CHECK(date_of(0) == 19700101);
  CHECK(date_of(-1) == 19691231);
  for (const std::uint32_t date : {19700101U, 20000229U, 20240229U, 20251231U, 20260101U}) {
    CHECK(date_of(begin_of(date)) == date);
    CHECK(date_of(begin_of(date) + day - 1) == date);
    CHECK(date_of(begin_of(date) - 1) < date);
  }
}

TEST_CASE("retention looks again when the time of its system has come") {
  tree t;
  scripted_kernel kernel;
  scripted_os system(kernel);
  system.realtime = t.system->realtime_ns();
  captured_errors errors;
  retention keep(system, t.counts, t.output.string(), {.max_age_ns = day});
  REQUIRE_FALSE(keep.start());
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  for (std::uint64_t n = 1; n <= 3; ++n) {
    t.put("2020/01/30/" + name(static_cast<unsigned>(n)), 40 * day);
    while (t.counts.retention_files_age.get() < n && std::chrono::steady_clock::now() < until) {
      system.wait(-1, -1, system.monotonic_ns() + 61'000'000'000);
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }
  keep.finish();
  CHECK(t.counts.retention_files_age.get() == 3);
  CHECK(system.threads_ended == 1);
}
