// SPDX-License-Identifier: Apache-2.0
//
// A run of the whole collector against a scripted kernel, and a reader of what it left.
#ifndef TCPINFO_TEST_UNIT_COLLECT_RUN_H
#define TCPINFO_TEST_UNIT_COLLECT_RUN_H

#include <tcpinfo/archive.h>

#include <cstdio>
#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <vector>

#include "collect/collector.h"
#include "unit/collect/scratch_directory.h"
#include "unit/collect/scripted/control.h"
#include "unit/collect/scripted/os.h"

using namespace tcpinfo;
using namespace tcpinfo::collect;
namespace fs = std::filesystem;

struct line {
  std::uint64_t poll = no_poll;
  std::uint8_t state = 0;
  std::uint64_t bytes_received = 0;
  bool has_info = false;
  std::string time;
  std::string ends;  ///< source and destination address
  std::string ended;
  std::uint32_t carried = 0;
  std::uint32_t thinned = 0;
};

struct file {
  std::string path;
  std::string start_time;
  timestamp opened;
  std::string policy;
  std::uint64_t sequence = 0;
  std::vector<line> lines;
};

inline file read_file(const fs::path& path) {
  file f;
  f.path = path.string();
  archive_reader reader;
  REQUIRE_FALSE(reader.open_path(f.path));
  record r;
  bool more = false;
  bool first = true;
  for (;;) {
    REQUIRE_FALSE(reader.next(r, more));
    if (!more) return f;
    metadata m;
    CHECK(r.get_metadata(m) == first);
    if (first) {
      f.start_time = to_string(m.start_time);
      f.opened = m.opened;
      f.policy = m.policy;
      f.sequence = m.sequence;
    } else {
      line l;
      l.poll = r.poll();
      l.state = static_cast<std::uint8_t>(r.view().state());
      l.time = to_string(r.time());
      l.ends = to_string(r.view().src()) + " " + to_string(r.view().dst());
      if (!r.ended().is_zero()) l.ended = to_string(r.ended());
      l.carried = r.carried();
      l.thinned = r.thinned();
      if (const auto info = r.view().find(attribute_type::info)) {
        l.has_info = true;
        l.bytes_received = wire::load<std::uint64_t>(info->data() + 128);
      }
      f.lines.push_back(l);
    }
    first = false;
  }
}

// Complete files by name; fails where a .part is left.
inline std::map<std::string, file> read_all(const fs::path& output) {
  std::map<std::string, file> files;
  for (const auto& entry : fs::recursive_directory_iterator(output)) {
    if (!entry.is_regular_file() || entry.path().filename().string().front() == '.') continue;
    INFO(entry.path());
    CHECK(entry.path().extension() == ".zst");
    files[entry.path().filename().string()] = read_file(entry.path());
  }
  return files;
}

inline std::string name_of(std::uint64_t cookie, int sequence) {
  char name[64];
  std::snprintf(name, sizeof name, "test_%016lX.%05d.jsonl.zst", static_cast<unsigned long>(cookie),
                sequence);
  return name;
}

// What is written to standard error meanwhile.
class captured_errors {
 public:
  captured_errors() : file_(std::tmpfile()), before_(::dup(STDERR_FILENO)) {
    REQUIRE(file_ != nullptr);
    REQUIRE(::dup2(::fileno(file_), STDERR_FILENO) >= 0);
  }
  ~captured_errors() { (void)text(); }
  captured_errors(const captured_errors&) = delete;
  captured_errors& operator=(const captured_errors&) = delete;

  /// Ends it.
  std::string text() {
    if (file_ == nullptr) return text_;
    ::dup2(before_, STDERR_FILENO);
    ::close(before_);
    std::rewind(file_);
    char buffer[4096];
    while (const std::size_t n = std::fread(buffer, 1, sizeof buffer, file_))
      text_.append(buffer, n);
    std::fclose(file_);
    file_ = nullptr;
    return text_;
  }

 private:
  std::FILE* file_;
  int before_;
  std::string text_;
};

struct run {
  scripted_kernel kernel;
  scripted_os system{kernel};
  scripted_control operator_says;
  scratch_directory scratch;
  config settings;
  fs::path output = scratch.path() / "out";

  run() {
    const fs::path prefix = scratch.path() / "prefix";
    std::ofstream(prefix) << "test\n";
    settings.uuid_prefix_file = prefix.string();
    settings.output = output.string();
    settings.reps = 100;
    settings.writers = 1;
  }
  made_socket& add(std::uint64_t cookie) {
    made_socket& s = kernel.sockets[cookie];
    s.cookie = cookie;
    return s;
  }
  std::string said;  ///< by the last collect()
  int collect() {
    captured_errors errors;
    const int status = tcpinfo::collect::collect(system, system, settings, operator_says);
    said = errors.text();
    UNSCOPED_INFO(said);
    return status;
  }
  /// A count of the summary; 0 where it is not named, as only what happened is.
  std::uint64_t count(const std::string& key) const {
    const auto at = said.find(" " + key + "=", said.find(": summary: "));
    return at == std::string::npos ? 0 : std::stoull(said.substr(at + key.size() + 2));
  }
  /// How many lines say that.
  std::size_t lines_with(std::string_view what) const {
    std::size_t n = 0;
    for (auto at = said.find(what); at != std::string::npos; at = said.find(what, at + 1)) ++n;
    return n;
  }
};

inline std::string bytes_of(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

#endif
