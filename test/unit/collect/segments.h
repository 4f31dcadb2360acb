// SPDX-License-Identifier: Apache-2.0
//
// What a run left in segments, and the same of files of connections, as text.
#ifndef TCPINFO_TEST_UNIT_COLLECT_SEGMENTS_H
#define TCPINFO_TEST_UNIT_COLLECT_SEGMENTS_H

#include <fcntl.h>
#include <tcpinfo/segment.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "common/descriptor.h"
#include "unit/collect/run.h"

struct archive_text {
  std::string about;               ///< its metadata line; empty: there was none that begins it
  std::vector<std::string> lines;  ///< the others
  int stretches = 0;               ///< how often it was begun or went on
};
/// By the archive's path below the output directory.
using archive_texts = std::map<std::string, archive_text>;

inline std::string line_of(const record& r) {
  std::string text(max_record_size(r), '\0');
  std::size_t n = 0;
  REQUIRE_FALSE(encode_record(text, n, r));
  text.resize(n);
  // The run's number is new in each.
  const auto at = text.find("\"Run\":\"");
  if (at != std::string::npos)
    text.erase(at, std::string_view("\"Run\":\"0123456789abcdef\",").size());
  return text;
}

/// All files of that ending, in the order of their names.
inline std::vector<fs::path> files_of(const fs::path& output, std::string_view ending) {
  std::vector<fs::path> found;
  if (!fs::exists(output)) return found;
  for (const auto& entry : fs::recursive_directory_iterator(output))
    if (entry.is_regular_file() && entry.path().string().ends_with(ending))
      found.push_back(entry.path());
  std::sort(found.begin(), found.end());
  return found;
}
inline std::vector<fs::path> segments_of(const fs::path& output) {
  return files_of(output, segment_suffix);
}

/// Adds what one file holds, of either layout.
inline void read_texts(const fs::path& path, const fs::path& output, archive_texts& out) {
  INFO(path);
  record_reader reader;
  REQUIRE_FALSE(reader.open_path(path.string()));
  record r;
  for (;;) {
    bool more = false;
    REQUIRE_FALSE(reader.next(r, more));
    if (!more) break;
    const std::string name =
        reader.is_segment() ? std::string(reader.path()) : fs::relative(path, output).string();
    archive_text& to = out[name];
    metadata m;
    if (!r.get_metadata(m)) {
      to.lines.push_back(line_of(r));
      continue;
    }
    ++to.stretches;
    if (reader.goes_on()) {
      // The same line, given once more.
      CHECK(to.about == line_of(r));
      continue;
    }
    CHECK(to.about.empty());
    to.about = line_of(r);
  }
  CHECK(reader.missing_records() == 0);
}

inline archive_texts read_texts(const fs::path& output) {
  archive_texts all;
  for (const fs::path& path : files_of(output, ".zst")) read_texts(path, output, all);
  CHECK(files_of(output, ".part").empty());
  return all;
}

inline std::size_t lines_in(const archive_texts& all) {
  std::size_t n = 0;
  for (const auto& [path, text] : all) n += text.lines.size();
  return n;
}

/// The frames of a file, its index apart: blocks.
inline std::uint64_t blocks_of(const fs::path& path) {
  segment_reader reader;
  REQUIRE_FALSE(reader.open_path(path.string()));
  segment_record r;
  for (bool more = true; more;) REQUIRE_FALSE(reader.next(r, more));
  return reader.blocks();
}

/// What the index at its end says; nullopt where there is none.
inline std::optional<segment_contents> contents_of(const fs::path& path) {
  const descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  REQUIRE(file);
  segment_contents contents;
  if (read_index(file.get(), contents)) return std::nullopt;
  return contents;
}
inline bool has_index(const fs::path& path) { return contents_of(path).has_value(); }

/// A bit of everything: connections that open, change, end with and without an event, are used
/// again, come back, and messages with faults.
inline void all_kinds(scripted_kernel& k, std::uint64_t poll) {
  for (auto& [cookie, socket] : k.sockets)
    if ((poll + cookie) % 3 == 0) socket.set(128, poll * cookie);
  if (poll == 5) {
    made_socket& six = k.sockets[6];
    six.cookie = 6;
    six.src = "2001:db8::1";
    six.dst = "2001:db8:1:2:3::4";
    six.md5sig = std::string(20, 'k');
  }
  if (poll == 10) k.destroy(1);
  if (poll == 15) {  // between two polls
    made_socket s;
    s.cookie = 7;
    k.sockets[7] = s;
    k.destroy(7);
  }
  if (poll == 20) k.sockets.erase(2);  // without an event, and it comes back below
  if (poll == 30) k.sockets.at(3).dport = 7;
  if (poll == 40) {  // used again, and closed before anybody saw that
    k.sockets.at(4).dport = 9;
    k.sockets.at(4).set(128, std::uint64_t{1});
    k.destroy(4);
  }
  if (poll == 1200) {
    k.sockets[2].cookie = 2;
    k.sockets[2].set(128, poll);
  }
  if (poll == 1250) k.destroy(2);
}

struct segment_run : run {
  segment_run() { settings.layout = layout::segments; }
};

#endif
