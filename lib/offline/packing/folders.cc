// SPDX-License-Identifier: Apache-2.0
#include "offline/packing/folders.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <limits.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <memory>

#include "common/message_of.h"

namespace tcpinfo::offline {
namespace {

constexpr int folder_flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;

// Takes the first name off a path.
std::string_view take_name(std::string_view& path) {
  const std::size_t slash = path.find('/');
  const std::string_view name = path.substr(0, slash);
  path.remove_prefix(slash == std::string_view::npos ? path.size() : slash + 1);
  return name;
}

}  // namespace

bool is_safe_path(std::string_view path) {
  if (path.empty() || path.size() >= PATH_MAX || path.back() == '/' ||
      path.find('\0') != std::string_view::npos)
    return false;
  for (std::size_t names = 0; !path.empty(); ++names) {
    const std::string_view name = take_name(path);
    if (name.empty() || name.size() > NAME_MAX || name == "." || name == ".." ||
        names == most_names)
      return false;
  }
  return true;
}

std::string_view folder_of(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? std::string_view() : path.substr(0, slash);
}

descriptor open_folder(int from, std::string_view path, bool make) {
  descriptor at(openat(from, ".", folder_flags));
  while (at && !path.empty()) {
    const std::string name(take_name(path));
    if (make && mkdirat(at.get(), name.c_str(), archive_folder_mode) != 0 && errno != EEXIST)
      return {};
    descriptor next(openat(at.get(), name.c_str(), folder_flags));
    const int error = errno;
    at = std::move(next);
    errno = error;
  }
  return at;
}

int each_name(int folder, const std::function<void(const std::string&)>& each) {
  // A description of its own: the place in the listing belongs to it.
  descriptor own(openat(folder, ".", folder_flags));
  if (!own) return errno;
  const std::unique_ptr<DIR, int (*)(DIR*)> dir(fdopendir(own.get()), closedir);
  if (!dir) return errno;
  (void)own.release();
  for (;;) {
    errno = 0;
    const dirent* const entry = readdir(dir.get());
    if (entry == nullptr) return errno;
    const std::string name = entry->d_name;
    if (name != "." && name != "..") each(name);
  }
}

int list_folder(int folder, std::vector<std::string>& names) {
  const int error = each_name(folder, [&names](const std::string& n) { names.push_back(n); });
  std::sort(names.begin(), names.end());
  return error;
}

int rename_to_new(int from, const std::string& name, int to, const std::string& new_name) {
  if (renameat2(from, name.c_str(), to, new_name.c_str(), RENAME_NOREPLACE) == 0) return 0;
  if (errno != EINVAL && errno != ENOSYS) return errno;
  // A file system without it: a link replaces nothing either.
  if (linkat(from, name.c_str(), to, new_name.c_str(), 0) == 0)
    return unlinkat(from, name.c_str(), 0) == 0 ? 0 : errno;
  if (errno != EPERM && errno != EOPNOTSUPP && errno != ENOSYS) return errno;
  struct stat st {};
  if (fstatat(to, new_name.c_str(), &st, AT_SYMLINK_NOFOLLOW) == 0) return EEXIST;
  return renameat(from, name.c_str(), to, new_name.c_str()) == 0 ? 0 : errno;
}

// A tree that this tool made: no deeper than is_safe_path() lets it be.
int remove_tree(int from, const std::string& name) {
  if (unlinkat(from, name.c_str(), 0) == 0 || errno == ENOENT) return 0;
  if (errno != EISDIR && errno != EPERM) return errno;
  descriptor folder(openat(from, name.c_str(), folder_flags));
  if (!folder) return errno;
  // While names go, some may not be listed: again, as long as that helps.
  for (bool some = true; some;) {
    some = false;
    int first = 0;
    const int error = each_name(folder.get(), [&](const std::string& inner) {
      const int failed = remove_tree(folder.get(), inner);
      if (failed == 0) some = true;
      if (first == 0) first = failed;
    });
    if (unlinkat(from, name.c_str(), AT_REMOVEDIR) == 0) return 0;
    const int left = errno;
    if (error != 0 || first != 0) return error != 0 ? error : first;
    if (left != ENOTEMPTY && left != EEXIST) return left;
  }
  return ENOTEMPTY;
}

std::string output_folder::open(const std::string& path) {
  path_ = path;
  const bool made = mkdir(path.c_str(), 0777) == 0;
  if (!made && errno != EEXIST) return message_of(errno);
  fd_.reset(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd_) return message_of(errno);
  if (made) {
    // What is in it lasts no longer than its own name.
    const descriptor above(openat(fd_.get(), "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!above || fsync(above.get()) != 0) return message_of(errno);
  }
  if (flock(fd_.get(), LOCK_EX | LOCK_NB) == 0) return {};
  if (errno == EWOULDBLOCK) return "another pack or unpack is writing here";
  return fmt::format("lock: {}", message_of(errno));
}

std::string output_folder::path_of(std::string_view name) const {
  if (name.empty()) return path_;
  return fmt::format("{}{}{}", path_, path_.ends_with('/') ? "" : "/", name);
}

}  // namespace tcpinfo::offline
