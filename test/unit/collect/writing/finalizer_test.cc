// SPDX-License-Identifier: Apache-2.0
//
// The finalizer by itself: files that fail, change and stand in the way at every step, crashes
// between any two deeds, and memory that ends.
#include "collect/writing/finalizer.h"

#include <fcntl.h>
#include <tcpinfo/zstd.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <map>
#include <new>
#include <sstream>
#include <thread>

#include "collect/writing/sequence_index.h"
#include "unit/allocations.h"
#include "unit/collect/scripted_os.h"
#include "unit/sanitized.h"

using namespace tcpinfo;
using namespace tcpinfo::collect;
namespace fs = std::filesystem;

namespace {

std::string lines(std::size_t from, std::size_t count) {
  std::string text;
  for (std::size_t i = from; i < from + count; ++i) text += "{\"n\":" + std::to_string(i) + "}\n";
  return text;
}

std::string frame(const std::string& text) {
  static frame_writer writer;
  if (writer.memory_bytes() == 0) REQUIRE_FALSE(writer.create(3));
  std::string out(frame_writer::bound(text.size()), '\0');
  std::size_t n = 0;
  REQUIRE_FALSE(
      writer.compress(std::as_bytes(std::span(text)), std::as_writable_bytes(std::span(out)), n));
  out.resize(n);
  return out;
}

std::string bytes_of(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

// What the archive holds; "damage" where it is none that is whole.
std::string content_of(const std::string& path) {
  stream_reader reader;
  REQUIRE_FALSE(reader.open_path(path));
  std::string text;
  char block[4096];
  for (;;) {
    std::size_t n = 0;
    if (reader.read(std::as_writable_bytes(std::span(block)), n)) return "damage";
    if (n == 0) return reader.is_zstd() ? text : "damage";
    text.append(block, n);
  }
}

void put(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
}

// Standard error of the test program, as long as it lives.
class said {
 public:
  explicit said(const scratch_directory& where) : path_((where.path() / "said").string()) {
    before_ = ::dup(STDERR_FILENO);
    const int to = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
    REQUIRE(to >= 0);
    ::dup2(to, STDERR_FILENO);
    ::close(to);
  }
  ~said() {
    ::dup2(before_, STDERR_FILENO);
    ::close(before_);
  }
  said(const said&) = delete;
  said& operator=(const said&) = delete;
  // Lines with that in them.
  [[nodiscard]] std::vector<std::string> with(const std::string& what) const {
    std::vector<std::string> found;
    std::istringstream in(bytes_of(path_));
    for (std::string line; std::getline(in, line);)
      if (line.find(what) != std::string::npos) found.push_back(line);
    return found;
  }

 private:
  const std::string path_;
  int before_ = -1;
};

const std::error_code ok{};
const std::error_code broken{EIO, std::system_category()};

// An output directory with one day's folder.
struct bench {
  scratch_directory scratch;
  scripted_kernel kernel;
  scripted_os system{kernel};
  std::string output = (scratch.path() / "out").string();
  fs::path folder = fs::path(output) / "2026" / "01" / "31";

  bench() { fs::create_directories(folder); }

  [[nodiscard]] std::string complete(int n) const {
    char name[64];
    std::snprintf(name, sizeof name, "test_0000000000000001.%05d.jsonl.zst", n);
    return (folder / name).string();
  }
  [[nodiscard]] std::string part(int n) const { return complete(n) + ".part"; }
  [[nodiscard]] std::string copy(int n) const { return complete(n) + ".part.new"; }
  [[nodiscard]] std::string damaged(int n) const { return complete(n) + ".part.damaged"; }

  // A file as a writer makes it, and its completion.
  [[nodiscard]] completion write(int n, std::size_t frames, std::size_t lines_each = 10) const {
    completion job{.part = part(n), .frames = frames};
    std::string bytes;
    for (std::size_t i = 0; i < frames; ++i) {
      const std::string text = lines(i * lines_each, lines_each);
      job.text_bytes += text.size();
      bytes += frame(text);
    }
    job.size = bytes.size();
    put(job.part, bytes);
    return job;
  }
  // Works on the jobs until it is done with them.
  void complete_all(statistics& counts, std::vector<completion> jobs) {
    finalizer c(system, counts, output, 3);
    c.add(std::move(jobs));
    REQUIRE_FALSE(c.start());
    c.finish();
  }
  // The next start of a collector.
  void start_again(statistics& counts) {
    sequence_index index;
    unfinished_files found;
    REQUIRE_FALSE(index.read(system, output, "test", {}, found));
    for (const std::string& path : found.copies) REQUIRE_FALSE(system.remove(path));
    for (const std::string& path : found.empty) REQUIRE_FALSE(system.remove(path));
    std::vector<completion> jobs;
    for (const std::string& path : found.leftovers)
      jobs.push_back({.part = path, .leftover = true});
    complete_all(counts, std::move(jobs));
  }
  [[nodiscard]] std::map<std::string, std::string> files() const {
    std::map<std::string, std::string> found;
    for (const auto& entry : fs::directory_iterator(folder))
      found[entry.path().string()] = bytes_of(entry.path().string());
    return found;
  }
};

std::string flipped(std::string bytes, std::size_t at) {
  bytes.at(at) = static_cast<char>(bytes.at(at) ^ 1);
  return bytes;
}

}  // namespace

TEST_CASE("a completion that failed has its turn however many new ones come") {
  bench b;
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

namespace {

// One of everything that takes a way of its own.
struct mixture : bench {
  [[nodiscard]] std::vector<completion> make() {
    fs::remove_all(folder);
    fs::create_directories(folder);
    std::vector<completion> jobs;
    jobs.push_back(write(0, 1));
    jobs.push_back(write(1, 300, 20));  // to be rewritten
    jobs.push_back(write(2, 2));
    put(part(2), bytes_of(part(2)) + "\x28\xb5");  // a torn end
    (void)write(3, 2);
    put(part(3), bytes_of(part(3)) + "no frame");
    jobs.push_back({.part = part(3), .leftover = true});
    (void)write(4, 2);
    fs::copy_file(part(4), complete(4));
    jobs.push_back({.part = part(4), .leftover = true});
    (void)write(5, 2);
    put(complete(5), frame("another"));
    jobs.push_back({.part = part(5), .leftover = true});
    return jobs;
  }
};

}  // namespace

TEST_CASE("memory that ends in a deed with a file costs another try, and nothing else") {
  mixture b;
  statistics expected_counts;
  b.complete_all(expected_counts, b.make());
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
    b.complete_all(counts, std::move(jobs));
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
  b.complete_all(expected_counts, b.make());
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
      b.complete_all(counts, std::move(jobs));
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
    bench b;
    statistics counts;
    const completion job = b.write(0, frames, 20);
    const std::string content = content_of(job.part);
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
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(5);
    while (!fs::exists(b.complete(0)) && std::chrono::steady_clock::now() < until) {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
      b.system.wait(-1, -1, b.system.monotonic_ns() + 11'000'000'000);
      c.add({.part = b.part(9)});  // no such file: only a nudge
    }
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
  bench b;
  statistics counts;
  const completion job = b.write(0, 2);
  const std::string lost(job.size, '\0');
  bool failed = false;
  b.system.before_deed = [&](std::string_view deed, const std::string& path) {
    if (deed != "sync" || failed) return ok;
    failed = true;
    put(path, lost);
    return broken;
  };
  b.complete_all(counts, {job});
  CHECK(b.files() == std::map<std::string, std::string>{{b.damaged(0), lost}});
  CHECK(counts.lost_files.get() == 1);
  CHECK(counts.set_aside.get() == 1);
  CHECK(counts.files_finalized.get() == 0);
}

TEST_CASE("a file that cannot be copied after a failed sync stays unfinished") {
  bench b;
  statistics counts;
  b.system.sync_faults = 1;
  b.system.append_faults = 1'000'000;
  b.complete_all(counts, {b.write(0, 1)});
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
    bench b;
    statistics counts;
    std::map<std::string, int> deeds;
    b.system.before_deed = [&](std::string_view deed, const std::string&) {
      ++deeds[std::string(deed)];
      return ok;
    };
    std::vector<completion> jobs;
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
  bench b;
  for (const std::size_t frames : {3U, 300U}) {
    const completion job = b.write(0, frames, 20);
    const std::string bytes = bytes_of(job.part);
    const std::string text = content_of(job.part);
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
      put(job.part, how.bytes);
      statistics counts;
      b.complete_all(counts, {job});
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
  bench b;
  statistics counts;
  const completion job = b.write(0, 300, 20);
  // A directory gives EISDIR at the first read.
  b.system.open_instead = [](int& fd) { fd = ::open(".", O_RDONLY | O_CLOEXEC); };
  b.complete_all(counts, {job});
  CHECK_FALSE(fs::exists(b.complete(0)));
  CHECK(fs::exists(b.part(0)));
  CHECK(counts.lost_files.get() == 1);
}

TEST_CASE(
    "a crash, or a fault, between any two deeds for a damaged leftover loses no frame of it") {
  const std::string good = frame(lines(0, 50)) + frame(lines(50, 50));
  const std::string bytes = good + "no frame";
  for (const bool crash : {true, false}) {
    for (int at = 0;; ++at) {
      INFO((crash ? "crash at " : "fault at ") << at);
      bench b;
      statistics counts;
      put(b.part(0), bytes);
      int deeds = 0;
      b.system.before_deed = [&](std::string_view, const std::string&) {
        const int n = deeds++;
        return crash ? (n >= at ? broken : ok) : (n == at ? broken : ok);
      };
      b.complete_all(counts, {{.part = b.part(0), .leftover = true}});
      b.system.before_deed = nullptr;
      CHECK(fs::exists(b.part(0)) != fs::exists(b.damaged(0)));
      if (fs::exists(b.damaged(0))) CHECK(bytes_of(b.complete(0)) == good);
      if (crash) {
        statistics later;
        b.start_again(later);
        CHECK(later.lost_files.get() == 0);
      } else {
        CHECK(counts.lost_files.get() == 0);
        CHECK(counts.set_aside.get() == 1);
        CHECK(counts.files_finalized.get() == 1);
      }
      CHECK(b.files() ==
            std::map<std::string, std::string>{{b.complete(0), good}, {b.damaged(0), bytes}});
      if (deeds <= at) break;
    }
  }
}

TEST_CASE("the frames of a damaged leftover are durable before it is set aside") {
  bench b;
  statistics counts;
  put(b.part(0), frame(lines(0, 50)) + "no frame");
  std::vector<std::string> deeds;
  b.system.before_deed = [&](std::string_view deed, const std::string& path) {
    if (deed == "sync" || deed == "rename_new" || deed == "replace")
      deeds.push_back(std::string(deed) + " " + path);
    return ok;
  };
  b.complete_all(counts, {{.part = b.part(0), .leftover = true}});
  CHECK(deeds == std::vector<std::string>{"sync " + b.copy(0), "rename_new " + b.copy(0),
                                          "rename_new " + b.part(0)});
}

TEST_CASE("a leftover whose complete name is taken is not tried for ever, and nothing is lost") {
  const std::string good = frame(lines(0, 50)) + frame(lines(50, 50));
  const std::string in_one = frame(lines(0, 100));
  bench b;
  const auto resolve = [&](statistics& counts) { b.start_again(counts); };
  using files = std::map<std::string, std::string>;

  SECTION("both are one file: a crash came between link and unlink") {
    put(b.part(0), good);
    fs::create_hard_link(b.part(0), b.complete(0));
    statistics counts;
    resolve(counts);
    CHECK(b.files() == files{{b.complete(0), good}});
    CHECK(counts.set_aside.get() == 0);
    CHECK(counts.lost_files.get() == 0);
  }
  SECTION("the complete file holds the same, in other frames") {
    put(b.part(0), good);
    put(b.complete(0), in_one);
    statistics counts;
    resolve(counts);
    CHECK(b.files() == files{{b.complete(0), in_one}});
    CHECK(counts.set_aside.get() == 0);
    CHECK(counts.lost_files.get() == 0);
  }
  SECTION("it holds the same, and the leftover is damaged or torn") {
    for (const std::string& tail : {std::string("no frame"), good.substr(0, 9)}) {
      fs::remove(b.damaged(0));
      put(b.part(0), good + tail);
      put(b.complete(0), in_one);
      statistics counts;
      resolve(counts);
      CHECK(b.files() == files{{b.complete(0), in_one}, {b.damaged(0), good + tail}});
      CHECK(counts.set_aside.get() == 1);
      CHECK(counts.lost_files.get() == 0);
    }
  }
  SECTION("it holds something else") {
    for (const std::string& other :
         {frame(lines(0, 99)), frame(lines(0, 101)), frame(lines(1, 100)), std::string(),
          std::string("text\n"), in_one + "x", in_one.substr(0, in_one.size() - 1),
          lines(0, 100)}) {
      INFO(other.size());
      fs::remove(b.damaged(0));
      put(b.part(0), good);
      put(b.complete(0), other);
      statistics counts;
      resolve(counts);
      CHECK(b.files() == files{{b.complete(0), other}, {b.damaged(0), good}});
      CHECK(counts.set_aside.get() == 1);
      CHECK(counts.lost_files.get() == 1);
    }
  }
  SECTION("something else stands under the name of damaged ones, too") {
    put(b.complete(0), in_one);
    put(b.damaged(0), "earlier");
    put(b.part(0), good + "no frame");
    statistics counts;
    resolve(counts);
    CHECK(b.files() == files{{b.complete(0), in_one},
                             {b.damaged(0), "earlier"},
                             {b.damaged(0) + ".2", good + "no frame"}});
    CHECK(counts.set_aside.get() == 1);
  }
  SECTION("setting aside was cut short between link and unlink") {
    put(b.complete(0), in_one);
    put(b.part(0), good + "no frame");
    fs::create_hard_link(b.part(0), b.damaged(0));
    statistics counts;
    resolve(counts);
    CHECK(b.files() == files{{b.complete(0), in_one}, {b.damaged(0), good + "no frame"}});
    CHECK(counts.set_aside.get() == 1);
  }
  SECTION("a symbolic link stands there") {
    fs::create_symlink("/dev/zero", b.complete(0));
    put(b.part(0), good);
    statistics counts;
    resolve(counts);
    CHECK(fs::is_symlink(b.complete(0)));
    CHECK_FALSE(fs::exists(b.part(0)));
    CHECK(bytes_of(b.damaged(0)) == good);
  }
  SECTION("it is taken while a file of this run is completed") {
    const completion job = b.write(0, 2);
    const std::string bytes = bytes_of(job.part);
    put(b.complete(0), in_one);
    statistics counts;
    b.complete_all(counts, {job});
    CHECK(b.files() == files{{b.complete(0), in_one}, {b.damaged(0), bytes}});
    CHECK(counts.set_aside.get() == 1);
    CHECK(counts.lost_files.get() == 1);
  }
}

TEST_CASE("more files than the finalizer may keep are left to the next start, counted, said once") {
  bench b;
  statistics counts;
  finalizer c(b.system, counts, b.output, 3);
  const said log(b.scratch);
  for (std::size_t i = 0; i < queue_limit + 5; ++i) c.add({.part = "x"});
  CHECK(counts.lost_files.get() == 5);
  CHECK(log.with("could not be completed").size() == 1);
}

TEST_CASE("a start after a crash says what it found in a few lines") {
  bench b;
  statistics counts;
  const said log(b.scratch);
  finalizer c(b.system, counts, b.output, 3);
  REQUIRE_FALSE(c.start());
  // As many batches, so far as the threads' turns make them.
  for (int i = 10; i < 60; ++i) {
    (void)b.write(i, 1);
    put(b.part(i), bytes_of(b.part(i)) + "no frame");
    c.add({.part = b.part(i), .leftover = true});
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(5);
    while (!fs::exists(b.damaged(i)) && std::chrono::steady_clock::now() < until)
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  c.finish();
  CHECK(counts.set_aside.get() == 50);
  CHECK(counts.leftovers_finalized.get() == 50);
  CHECK(log.with("it is kept as").size() == 1);
  const auto completed = log.with("leftover files");
  CHECK(completed.size() <= 2);
  int sum = 0;
  for (const std::string& line : completed)
    sum += std::stoi(line.substr(line.find("completed ") + 10));
  CHECK(sum == 50);
}
