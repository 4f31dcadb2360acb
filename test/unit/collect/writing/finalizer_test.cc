// SPDX-License-Identifier: Apache-2.0
//
// The finalizer by itself: files that fail and change at every step, and memory that ends.
#include "collect/writing/finalizer.h"

#include <fcntl.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <new>
#include <thread>

#include "unit/allocations.h"
#include "unit/collect/writing/finalizer_bench.h"
#include "unit/sanitized.h"

TEST_CASE("a file that failed has its turn however many new ones come") {
  finalizer_bench b;
  statistics counts;
  finalizer c(b.system, counts, b.output, 3);
  REQUIRE_FALSE(c.start());
  b.system.sync_faults = 1;
  c.add(b.write(0, 1));
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(5);
  while (b.system.sync_faults > 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  CHECK(fs::exists(b.part(0)));
  int others = 0;
  while (!fs::exists(b.complete(0)) && std::chrono::steady_clock::now() < until) {
    b.system.wait(-1, -1, b.system.monotonic_ns() + 1'000'000'000);
    c.add(b.write(++others, 1));
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  CHECK(fs::exists(b.complete(0)));
  c.finish();
  CHECK(counts.lost_files.get() == 0);
  CHECK(counts.files_finalized.get() == static_cast<std::uint64_t>(others) + 1);
}

TEST_CASE("memory that ends in a deed with a file costs another try, and nothing else") {
  mixture b;
  statistics expected_counts;
  b.finalize_all(expected_counts, b.make());
  const auto expected = b.files();
  REQUIRE(expected.size() == 8);
  for (int at = 0;; ++at) {
    INFO(at);
    statistics counts;
    auto jobs = b.make();
    int deeds = 0;
    b.system.before_deed = [&](std::string_view, const std::string&) {
      if (deeds++ == at) throw std::bad_alloc();
      return ok;
    };
    b.finalize_all(counts, std::move(jobs));
    b.system.before_deed = nullptr;
    if (deeds <= at) break;
    CHECK(b.files() == expected);
    CHECK(counts.lost_files.get() == expected_counts.lost_files.get());
    CHECK(counts.set_aside.get() == expected_counts.set_aside.get());
  }
}

#if !defined(TCPINFO_TEST_SANITIZED)
TEST_CASE("any allocation may fail, or all for a while: files wait, or stay for the next start") {
  mixture b;
  statistics expected_counts;
  b.finalize_all(expected_counts, b.make());
  const auto names = [&b] {
    std::vector<std::string> found;
    for (const auto& [path, bytes] : b.files()) found.push_back(path);
    return found;
  };
  const auto expected = names();
  for (const long failing : {1L, 1'000'000L}) {
    for (long before = 0;; ++before) {
      INFO(failing << " after " << before);
      statistics counts;
      auto jobs = b.make();
      bool armed = false;
      long left = 0;
      b.system.before_deed = [&](std::string_view, const std::string&) {
        // On the finalizer's thread.
        if (!armed) {
          test_allocations::before_failing = before;
          test_allocations::failing = failing;
        }
        armed = true;
        left = test_allocations::before_failing;
        return ok;
      };
      b.finalize_all(counts, std::move(jobs));
      b.system.before_deed = nullptr;
      if (failing == 1) {
        CHECK(names() == expected);
        CHECK(counts.lost_files.get() == expected_counts.lost_files.get());
      } else {
        const auto waiting = std::count_if(expected.begin(), expected.end(), [](const auto& path) {
          return fs::exists(path + ".part");
        });
        CHECK(counts.lost_files.get() >= static_cast<std::uint64_t>(waiting));
        statistics later;
        b.start_again(later);
        CHECK(names() == expected);
      }
      // All worked.
      if (left > 0) break;
    }
  }
}
#endif

TEST_CASE("a sync that failed is not believed at the next try: a copy is made durable") {
  for (const std::size_t frames : {1U, 300U}) {
    finalizer_bench b;
    statistics counts;
    const part_file job = b.write(0, frames, 20);
    const std::string content = content_of(job.path);
    std::vector<std::string> synced;
    int faults = 2;  // the file's, then the first copy's
    b.system.before_deed = [&](std::string_view deed, const std::string& path) {
      if (deed != "sync") return ok;
      synced.push_back(path);
      return faults-- > 0 ? broken : ok;
    };
    finalizer c(b.system, counts, b.output, 3);
    REQUIRE_FALSE(c.start());
    c.add(job);
    // Its waits are the script's: nothing but time makes it try again.
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(5);
    while (!fs::exists(b.complete(0)) && std::chrono::steady_clock::now() < until) {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
      b.system.wait(-1, -1, b.system.monotonic_ns() + 11'000'000'000);
    }
    CHECK(fs::exists(b.complete(0)));
    c.finish();
    REQUIRE(synced.size() == 3);
    CHECK(synced[0] == (frames == 1 ? b.part(0) : b.copy(0)));
    CHECK(synced[1] == b.copy(0));
    CHECK(synced[2] == b.copy(0));
    CHECK(content_of(b.complete(0)) == content);
    CHECK(b.files().size() == 1);
    CHECK(counts.files_finalized.get() == 1);
  }
}

TEST_CASE("what a failed sync has lost is not published as if it were there") {
  finalizer_bench b;
  statistics counts;
  const part_file job = b.write(0, 2);
  const std::string lost(job.size, '\0');
  bool failed = false;
  b.system.before_deed = [&](std::string_view deed, const std::string& path) {
    if (deed != "sync" || failed) return ok;
    failed = true;
    put(path, lost);
    return broken;
  };
  b.finalize_all(counts, {job});
  CHECK(b.files() == std::map<std::string, std::string>{{b.damaged(0), lost}});
  CHECK(counts.lost_files.get() == 1);
  CHECK(counts.set_aside.get() == 1);
  CHECK(counts.files_finalized.get() == 0);
}

TEST_CASE("a file that cannot be copied after a failed sync stays unfinished") {
  finalizer_bench b;
  statistics counts;
  b.system.sync_faults = 1;
  b.system.append_faults = 1'000'000;
  b.finalize_all(counts, {b.write(0, 1)});
  CHECK_FALSE(fs::exists(b.complete(0)));
  CHECK(fs::exists(b.part(0)));
  CHECK(counts.lost_files.get() == 1);
}

TEST_CASE("one sync is for all files only where the kernel tells its faults") {
  CHECK(syncfs_tells_faults("5.8.0"));
  CHECK(syncfs_tells_faults("5.10.0-28-amd64"));
  CHECK(syncfs_tells_faults("6.1"));
  CHECK(syncfs_tells_faults("10.0.1"));
  CHECK_FALSE(syncfs_tells_faults("5.7.19"));
  CHECK_FALSE(syncfs_tells_faults("4.18.0-553.el8.x86_64"));
  for (const char* const unknown : {"", "5", "5.", "x.9", "6-rc1"})
    CHECK_FALSE(syncfs_tells_faults(unknown));
  CHECK_FALSE(kernel_release().empty());

  for (const bool tells : {true, false}) {
    finalizer_bench b;
    statistics counts;
    std::map<std::string, int> deeds;
    b.system.before_deed = [&](std::string_view deed, const std::string&) {
      ++deeds[std::string(deed)];
      return ok;
    };
    std::vector<part_file> jobs;
    for (int i = 10; i < 110; ++i) jobs.push_back(b.write(i, 1));
    finalizer c(b.system, counts, b.output, 3, tells ? "5.8.0" : "5.7.0");
    c.add(std::move(jobs));
    REQUIRE_FALSE(c.start());
    c.finish();
    CHECK(counts.files_finalized.get() == 100);
    CHECK(deeds["sync_file_system"] == (tells ? 1 : 0));
    CHECK(deeds["sync"] == (tells ? 0 : 100));
  }
}

TEST_CASE("a file that is not as it was written is never published as if it were") {
  finalizer_bench b;
  for (const std::size_t frames : {3U, 300U}) {
    const part_file job = b.write(0, frames, 20);
    const std::string bytes = bytes_of(job.path);
    const std::string text = content_of(job.path);
    const std::string first = frame(lines(0, 20));
    struct change {
      std::string bytes;
      std::string content;  ///< of the complete file; empty = there is none
      int lost;
      int aside;
    };
    std::vector<change> changes = {
        {first, lines(0, 20), 1, 0},                              // cut at a frame's end
        {bytes.substr(0, first.size() + 5), lines(0, 20), 1, 0},  // and within one
        {bytes + bytes.substr(0, 5), text, 0, 0},                 // a write that was not taken back
        {bytes + std::string(100, '\0'), text, 0, 1},
        {std::string(job.size - 1, '\0'), "", 1, 1},
    };
    // Of a file that is not rewritten nothing but the size is looked at.
    if (frames == 300) {
      changes.push_back({flipped(bytes, first.size() + first.size() / 2), lines(0, 20), 1, 1});
      changes.push_back({std::string(job.size, 'x'), "", 1, 1});
    }
    for (const change& how : changes) {
      INFO(frames << " frames, change " << &how - changes.data());
      fs::remove_all(b.folder);
      fs::create_directories(b.folder);
      put(job.path, how.bytes);
      statistics counts;
      b.finalize_all(counts, {job});
      CHECK_FALSE(fs::exists(b.part(0)));
      CHECK_FALSE(fs::exists(b.copy(0)));
      REQUIRE(fs::exists(b.complete(0)) == !how.content.empty());
      if (!how.content.empty()) CHECK(content_of(b.complete(0)) == how.content);
      REQUIRE(fs::exists(b.damaged(0)) == (how.aside > 0));
      if (how.aside > 0) CHECK(bytes_of(b.damaged(0)) == how.bytes);
      CHECK(counts.lost_files.get() == static_cast<std::uint64_t>(how.lost));
      CHECK(counts.set_aside.get() == static_cast<std::uint64_t>(how.aside));
    }
  }
}

TEST_CASE("a file that cannot be read while it is rewritten stays unfinished") {
  finalizer_bench b;
  statistics counts;
  const part_file job = b.write(0, 300, 20);
  // A directory gives EISDIR at the first read.
  b.system.open_instead = [](int& fd) { fd = ::open(".", O_RDONLY | O_CLOEXEC); };
  b.finalize_all(counts, {job});
  CHECK_FALSE(fs::exists(b.complete(0)));
  CHECK(fs::exists(b.part(0)));
  CHECK(counts.lost_files.get() == 1);
}

TEST_CASE("more files than the finalizer may keep are left to the next start, counted, said once") {
  finalizer_bench b;
  statistics counts;
  finalizer c(b.system, counts, b.output, 3);
  const said log(b.scratch);
  for (std::size_t i = 0; i < queue_limit + 5; ++i) c.add({.path = "x"});
  CHECK(counts.lost_files.get() == 5);
  CHECK(log.with("could not be completed").size() == 1);
}
