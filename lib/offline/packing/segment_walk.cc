// SPDX-License-Identifier: Apache-2.0
#include "offline/packing/segment_walk.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <string.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>

#include "common/message_of.h"
#include "offline/inputs/file_names.h"
#include "offline/packing/folders.h"

namespace tcpinfo::offline {
namespace {

bool by_number(const std::string& a, const std::string& b) {
  return strverscmp(a.c_str(), b.c_str()) < 0;
}

struct search {
  const fault_callback& on_fault;
  std::vector<std::string> found;
  std::uint64_t others = 0;

  void look_into(const std::string& folder, std::size_t depth) {
    std::vector<std::string> names;
    const descriptor at(open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    const int error = at ? list_folder(at.get(), names) : errno;
    if (error != 0) on_fault({.file = folder, .what = message_of(error)});
    std::sort(names.begin(), names.end(), by_number);
    for (const std::string& name : names) {
      const std::string path = folder + (folder.ends_with('/') ? "" : "/") + name;
      struct stat st {};
      if (lstat(path.c_str(), &st) != 0) continue;
      if (S_ISDIR(st.st_mode)) {
        if (depth == most_names)
          on_fault({.file = path, .what = "too deep"});
        else if (name != unpack_folder)
          look_into(path, depth + 1);
      } else if (is_segment_name(name)) {
        std::string_view whole = name;
        if (take_ending(whole, ".part") &&
            std::find(names.begin(), names.end(), whole) != names.end())
          on_fault({.file = path, .what = "passed over: it is there without .part", .note = true});
        else
          found.push_back(path);
      } else if (!name.starts_with('.')) {
        // Hidden files are other programs' own.
        ++others;
      }
    }
  }
};

}  // namespace

bool is_segment_name(std::string_view name) { return take_apart(name).segment; }

std::vector<std::string> find_segments(const std::vector<std::string>& paths,
                                       const fault_callback& on_fault) {
  search s{on_fault, {}};
  for (const std::string& path : paths) {
    struct stat st {};
    if (stat(path.c_str(), &st) != 0 || !S_ISDIR(st.st_mode)) {
      s.found.push_back(path);  // opening it tells
      continue;
    }
    s.others = 0;
    s.look_into(path, 0);
    if (s.others != 0)
      on_fault({.file = path,
                .what = fmt::format("passed over {} file{} without segments", s.others,
                                    s.others == 1 ? "" : "s"),
                .note = true});
  }
  return std::move(s.found);
}

}  // namespace tcpinfo::offline
