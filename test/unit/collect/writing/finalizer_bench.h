// SPDX-License-Identifier: Apache-2.0
//
// An output directory with files on their way to complete ones, for the tests of the finalizer and
// the salvage.
#ifndef TCPINFO_TEST_UNIT_COLLECT_WRITING_FINALIZER_BENCH_H
#define TCPINFO_TEST_UNIT_COLLECT_WRITING_FINALIZER_BENCH_H

#include <fcntl.h>
#include <tcpinfo/zstd.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <sstream>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "collect/writing/finalizer.h"
#include "collect/writing/salvage.h"
#include "collect/writing/sequence_index.h"
#include "unit/catch.h"
#include "unit/collect/scratch_directory.h"
#include "unit/collect/scripted/os.h"

using namespace tcpinfo;
using namespace tcpinfo::collect;
namespace fs = std::filesystem;

inline std::string lines(std::size_t from, std::size_t count) {
  std::string text;
  for (std::size_t i = from; i < from + count; ++i) text += "{\"n\":" + std::to_string(i) + "}\n";
  return text;
}

inline std::string frame(const std::string& text) {
  static frame_writer writer;
  if (writer.memory_bytes() == 0) REQUIRE_FALSE(writer.create(3));
  std::string out(frame_writer::bound(text.size()), '\0');
  std::size_t n = 0;
  REQUIRE_FALSE(
      writer.compress(std::as_bytes(std::span(text)), std::as_writable_bytes(std::span(out)), n));
  out.resize(n);
  return out;
}

inline std::string bytes_of(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

// What the archive holds; "damage" where it is none that is whole.
inline std::string content_of(const std::string& path) {
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

inline void put(const std::string& path, const std::string& bytes) {
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

inline const std::error_code ok{};
inline const std::error_code broken{EIO, std::system_category()};

// An output directory with one day's folder.
struct finalizer_bench {
  scratch_directory scratch;
  scripted_kernel kernel;
  scripted_os system{kernel};
  std::string output = (scratch.path() / "out").string();
  fs::path folder = fs::path(output) / "2026" / "01" / "31";

  finalizer_bench() { fs::create_directories(folder); }

  [[nodiscard]] std::string complete(int n) const {
    char name[64];
    std::snprintf(name, sizeof name, "test_0000000000000001.%05d.jsonl.zst", n);
    return (folder / name).string();
  }
  [[nodiscard]] std::string part(int n) const { return complete(n) + ".part"; }
  [[nodiscard]] std::string copy(int n) const { return complete(n) + ".part.new"; }
  [[nodiscard]] std::string damaged(int n) const { return complete(n) + ".part.damaged"; }

  // A file as a writer makes it.
  [[nodiscard]] part_file write(int n, std::size_t frames, std::size_t lines_each = 10) const {
    part_file job{.path = part(n), .frames = frames};
    std::string bytes;
    for (std::size_t i = 0; i < frames; ++i) {
      const std::string text = lines(i * lines_each, lines_each);
      job.text_bytes += text.size();
      bytes += frame(text);
    }
    job.size = bytes.size();
    put(job.path, bytes);
    return job;
  }
  // Works on the jobs until it is done with them.
  void finalize_all(statistics& counts, std::vector<part_file> jobs) {
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
    finalize_all(counts, take_leftovers(system, std::move(found)));
  }
  [[nodiscard]] std::map<std::string, std::string> files() const {
    std::map<std::string, std::string> found;
    for (const auto& entry : fs::directory_iterator(folder))
      found[entry.path().string()] = bytes_of(entry.path().string());
    return found;
  }
};

inline std::string flipped(std::string bytes, std::size_t at) {
  bytes.at(at) = static_cast<char>(bytes.at(at) ^ 1);
  return bytes;
}

// One of everything that takes a way of its own.
struct mixture : finalizer_bench {
  [[nodiscard]] std::vector<part_file> make() {
    fs::remove_all(folder);
    fs::create_directories(folder);
    std::vector<part_file> jobs;
    jobs.push_back(write(0, 1));
    jobs.push_back(write(1, 300, 20));  // to be rewritten
    jobs.push_back(write(2, 2));
    put(part(2), bytes_of(part(2)) + "\x28\xb5");  // a torn end
    (void)write(3, 2);
    put(part(3), bytes_of(part(3)) + "no frame");
    jobs.push_back({.path = part(3), .leftover = true});
    (void)write(4, 2);
    fs::copy_file(part(4), complete(4));
    jobs.push_back({.path = part(4), .leftover = true});
    (void)write(5, 2);
    put(complete(5), frame("another"));
    jobs.push_back({.path = part(5), .leftover = true});
    return jobs;
  }
};

#endif
