// SPDX-License-Identifier: Apache-2.0
#include "collect/os/output_tree.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string_view>
#include <vector>

#include "common/errno_of.h"

namespace tcpinfo::collect {
namespace {

// Takes the first component off `path`.
std::string_view next_component(std::string_view& path) noexcept {
  const std::size_t size = std::min(path.find('/'), path.size());
  const std::string_view component = path.substr(0, size);
  path.remove_prefix(std::min(size + 1, path.size()));
  return component;
}

int open_folder(int at, const std::string& name, int more_flags) noexcept {
  return ::openat(at, name.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC | more_flags);
}

bool is_below(const std::string& path, const std::string& root) noexcept {
  return !root.empty() && path.size() > root.size() + 1 && path.starts_with(root) &&
         path[root.size()] == '/';
}

// mkdir(2) on each prefix of a path whose links are the operator's. A folder that exists is no
// error, and the last component says what is wrong.
std::error_code make_outside(const std::string& path, unsigned mode,
                             std::vector<std::string>& made) {
  for (std::size_t at = path.find('/', 1);; at = path.find('/', at + 1)) {
    const std::string part = path.substr(0, at);
    if (::mkdir(part.c_str(), mode) == 0)
      made.push_back(part);
    else if (errno != EEXIST && (at == std::string::npos || (errno != EROFS && errno != EACCES)))
      return last_error();
    if (at == std::string::npos) break;
  }
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return last_error();
  return S_ISDIR(status.st_mode) ? std::error_code{} : system_error(ENOTDIR);
}

}  // namespace

std::string why_not_writable(const std::string& folder) {
  // The folder itself, or the lowest above it that is there.
  std::string path = folder.empty() ? "." : folder;
  struct stat status {};
  while (::stat(path.c_str(), &status) != 0) {
    const std::size_t slash = path.rfind('/');
    if (slash == std::string::npos || path == "/") return {};
    path.resize(std::max<std::size_t>(slash, 1));
  }
  if (status.st_uid == ::geteuid()) return {};
  return fmt::format(
      " ({} belongs to user {} and group {}, and this runs as user {} and group {}: run it as that "
      "user, a container with --user {}:{}, or make the folder writable)",
      path, status.st_uid, status.st_gid, ::geteuid(), ::getegid(), status.st_uid, status.st_gid);
}

std::error_code output_tree::find(const std::string& path, place& out) const {
  if (!is_below(path, root_)) {
    const std::size_t slash = path.rfind('/');
    const std::string folder = slash == std::string::npos ? "."
                               : slash == 0               ? "/"
                                                          : path.substr(0, slash);
    out.folder.reset(open_folder(AT_FDCWD, folder, 0));
    out.name = slash == std::string::npos ? path : path.substr(slash + 1);
    return out.folder ? std::error_code{} : last_error();
  }
  out.folder.reset(open_folder(AT_FDCWD, root_, 0));
  std::string_view rest = std::string_view(path).substr(root_.size() + 1);
  for (;;) {
    if (!out.folder) return last_error();
    const std::string_view component = next_component(rest);
    if (component == "..") return system_error(EINVAL);
    out.name = component;
    if (rest.empty()) return {};
    out.folder.reset(open_folder(out.folder.get(), out.name, O_NOFOLLOW));
  }
}

std::error_code output_tree::make(const std::string& path, unsigned mode) const {
  std::vector<std::string> made;
  std::error_code ec = make_outside(is_below(path, root_) ? root_ : path, mode, made);
  if (!ec && is_below(path, root_)) {
    for (std::size_t at = root_.size(); at != std::string::npos && !ec;) {
      at = path.find('/', at + 1);
      const std::string part = path.substr(0, at);
      place where;
      ec = find(part, where);
      if (ec) break;
      if (::mkdirat(where.folder.get(), where.name.c_str(), mode) == 0)
        made.push_back(part);
      else if (errno != EEXIST)
        ec = last_error();
    }
    place inside;
    if (!ec) ec = find(path + "/.", inside);
  }
  if (ec)
    for (auto it = made.rbegin(); it != made.rend(); ++it) {
      place where;
      if (!find(*it, where)) (void)::unlinkat(where.folder.get(), where.name.c_str(), AT_REMOVEDIR);
    }
  return ec;
}

}  // namespace tcpinfo::collect
