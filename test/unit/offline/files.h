// SPDX-License-Identifier: Apache-2.0
//
// Archives made by hand in a directory of the test's own.
#ifndef TCPINFO_TEST_UNIT_OFFLINE_FILES_H
#define TCPINFO_TEST_UNIT_OFFLINE_FILES_H

#include <tcpinfo/archive.h>
#include <tcpinfo/zstd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include "unit/made_socket.h"

inline tcpinfo::timestamp at_second(std::int64_t seconds, std::uint32_t nanoseconds = 0) {
  return {1'700'000'000 + seconds, nanoseconds, 0};
}

inline std::string record_line(const tcpinfo::timestamp& time, const tcpinfo::message& m,
                               std::uint64_t poll = tcpinfo::no_poll) {
  std::string line(tcpinfo::max_record_size(m), '\0');
  std::size_t written = 0;
  if (tcpinfo::encode_record(line, written, time, m, poll)) std::abort();
  line.resize(written);
  return line;
}

/// The same, of a final record that says more.
inline std::string record_line(const tcpinfo::timestamp& time, const tcpinfo::message& m,
                               const tcpinfo::record_extras& extras) {
  std::string line(tcpinfo::max_record_size(m), '\0');
  std::size_t written = 0;
  if (tcpinfo::encode_record(line, written, time, m, extras)) std::abort();
  line.resize(written);
  return line;
}

inline std::string metadata_line(std::string_view uuid, std::uint64_t sequence,
                                 std::string_view run = "r1") {
  tcpinfo::metadata m;
  m.uuid = uuid;
  m.sequence = sequence;
  m.start_time = at_second(0);
  m.kernel = "6.18.1";
  m.run = run;
  std::string line(tcpinfo::max_metadata_size(m), '\0');
  std::size_t written = 0;
  if (tcpinfo::encode_metadata(line, written, m)) std::abort();
  line.resize(written);
  return line;
}

inline std::string zstd_frame(std::string_view text) {
  tcpinfo::frame_writer writer;
  if (writer.create(3)) std::abort();
  std::vector<std::byte> out(tcpinfo::frame_writer::bound(text.size()));
  std::size_t written = 0;
  if (writer.compress(std::as_bytes(std::span(text)), out, written)) std::abort();
  return {reinterpret_cast<const char*>(out.data()), written};
}

/// A directory that goes away with the object.
class scratch {
 public:
  scratch() {
    std::string name = (std::filesystem::temp_directory_path() / "tcpinfo-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) std::abort();
    root_ = name;
  }
  ~scratch() { std::filesystem::remove_all(root_); }
  scratch(const scratch&) = delete;
  scratch& operator=(const scratch&) = delete;

  /// Writes a file and gives its whole path.
  std::string file(const std::string& name, std::string_view content) const {
    const std::filesystem::path path = root_ / name;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << content;
    return path.string();
  }
  [[nodiscard]] std::string path() const { return root_.string(); }

 private:
  std::filesystem::path root_;
};

#endif
