// SPDX-License-Identifier: Apache-2.0
#include "analysis/cgroup_list.h"

#include <sys/stat.h>

#include <filesystem>
#include <system_error>
#include <utility>
#include <vector>

namespace tcpinfo::analysis {

void for_each_cgroup(const std::string& mount,
                     const std::function<void(std::uint64_t, std::string_view)>& fn) {
  using each_entry = std::filesystem::directory_iterator;
  // Folder by folder: one that vanishes costs itself, where it would end a recursive iterator.
  for (std::vector<std::string> folders = {mount}; !folders.empty();) {
    const std::string folder = std::move(folders.back());
    folders.pop_back();
    struct ::stat about {};
    if (::stat(folder.c_str(), &about) != 0) continue;
    const std::string_view path = std::string_view(folder).substr(mount.size());
    fn(about.st_ino, path.empty() ? "/" : path);
    std::error_code ec;
    for (each_entry at(folder, ec); !ec && at != each_entry(); at.increment(ec)) {
      std::error_code none;
      if (at->is_directory(none) && !at->is_symlink(none)) folders.push_back(at->path().native());
    }
  }
}

}  // namespace tcpinfo::analysis
