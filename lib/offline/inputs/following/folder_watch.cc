// SPDX-License-Identifier: Apache-2.0
#include "offline/inputs/following/folder_watch.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <limits>
#include <memory>
#include <utility>

#include "common/message_of.h"
#include "offline/inputs/now.h"

namespace tcpinfo::offline {
namespace {

constexpr std::uint32_t heard = IN_CREATE | IN_MODIFY | IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE |
                                IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR | IN_EXCL_UNLINK;

// What the watch does not hear of is looked for so often, at most: a name costs some 3 us.
constexpr std::int64_t look_ns = 1'000'000'000;
constexpr std::int64_t ns_a_name = 50'000;

std::string inside(const std::string& folder, std::string_view name) {
  std::string path = folder;
  if (path.empty() || path.back() != '/') path += '/';
  return path.append(name);
}

/// Of two names of one file, the first was the name of the second while it was being written.
bool was_being_written(std::string_view before, std::string_view after) {
  for (const std::string_view end : {".part", ".part.new"})
    if (before.size() == after.size() + end.size() && before.starts_with(after) &&
        before.ends_with(end))
      return true;
  return false;
}

}  // namespace

folder_watch::folder_watch(std::string folder, callback on_file, complaint complain)
    : folder_(std::move(folder)),
      on_file_(std::move(on_file)),
      complain_(std::move(complain)),
      inotify_(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK)) {
  polls_ = inotify_ < 0;
}

folder_watch::~folder_watch() {
  if (inotify_ >= 0) ::close(inotify_);
}

void folder_watch::watch(const std::string& folder) {
  if (inotify_ < 0) return;
  const int watch = ::inotify_add_watch(inotify_, folder.c_str(), heard);
  if (watch >= 0)
    folders_.insert_or_assign(watch, folder);
  else if (errno != ENOENT)
    polls_ = true;  // too many watches, or a file system without
}

// Watches before it reads the names: of what comes meanwhile it hears.
bool folder_watch::enter(const std::string& folder, bool is_named) {
  watch(folder);
  const std::unique_ptr<DIR, int (*)(DIR*)> dir(::opendir(folder.c_str()), ::closedir);
  if (dir == nullptr) {
    // One that was removed meanwhile is no fault.
    if (is_named || errno != ENOENT) complain_(folder, message_of(errno));
    return false;
  }
  std::vector<std::pair<std::string, bool>> entries;
  while (const dirent* entry = ::readdir(dir.get())) {
    const std::string_view name = entry->d_name;
    if (name == "." || name == "..") continue;
    bool is_folder = entry->d_type == DT_DIR;
    if (entry->d_type == DT_UNKNOWN) {
      struct stat st {};
      is_folder = ::fstatat(::dirfd(dir.get()), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
                  S_ISDIR(st.st_mode);
    }
    entries.emplace_back(name, is_folder);
  }
  std::sort(entries.begin(), entries.end());
  names_ += entries.size();
  for (const auto& [name, is_folder] : entries) {
    const std::string path = inside(folder, name);
    if (is_folder)
      (void)enter(path, false);
    else
      on_file_(path, file_change::found);
  }
  return true;
}

bool folder_watch::look() {
  const bool was_lost = std::exchange(lost_, false);
  names_ = 0;
  const bool is_there = enter(folder_, true);
  looked_ns_ = monotonic_now_ns();
  if (was_lost) found_lost_ns_ = looked_ns_;
  return is_there;
}

std::int64_t folder_watch::due_ns() const noexcept {
  if (!polls_ && !lost_) return std::numeric_limits<std::int64_t>::max();
  const std::int64_t rest_ns = static_cast<std::int64_t>(names_) * ns_a_name;
  // What was lost is looked for at once, but where one loss follows the other.
  return polls_ ? looked_ns_ + std::max(rest_ns, look_ns) : found_lost_ns_ + rest_ns;
}

void folder_watch::note(std::string path, file_change change) {
  if (change == file_change::changed && !changed_.insert(path).second) return;
  if (change != file_change::changed) changed_.erase(path);
  noted_.emplace_back(std::move(path), change);
}

void folder_watch::hear(int watch, std::uint32_t mask, std::uint32_t cookie,
                        std::string_view name) {
  if ((mask & IN_Q_OVERFLOW) != 0) {
    lost_ = true;
    return;
  }
  const auto found = folders_.find(watch);
  if (found == folders_.end()) return;
  if ((mask & (IN_DELETE_SELF | IN_MOVE_SELF)) != 0 && found->second == folder_)
    folder_gone_ = true;
  if ((mask & (IN_IGNORED | IN_MOVE_SELF)) != 0) {
    folders_.erase(found);
    return;
  }
  if (name.empty()) return;
  std::string path = inside(found->second, name);
  if ((mask & IN_ISDIR) != 0) {
    if ((mask & (IN_CREATE | IN_MOVED_TO)) == 0) return;
    // What was noted before is told before what is found in there.
    tell_noted();
    (void)enter(path, false);
    return;
  }
  if ((mask & IN_MOVED_FROM) != 0) from_ = {path, cookie};
  if ((mask & (IN_MOVED_FROM | IN_DELETE)) != 0) return note(std::move(path), file_change::gone);
  if ((mask & IN_MOVED_TO) == 0) return note(std::move(path), file_change::changed);
  const bool ours = from_.cookie == cookie && was_being_written(from_.path, path);
  note(std::move(path), ours ? file_change::named : file_change::changed);
}

void folder_watch::tell_noted() {
  const auto all = std::exchange(noted_, {});
  changed_.clear();
  for (const auto& [path, change] : all) on_file_(path, change);
}

bool folder_watch::take() {
  alignas(inotify_event) std::array<char, std::size_t{64} << 10> buffer;
  while (inotify_ >= 0) {
    const ssize_t size = ::read(inotify_, buffer.data(), buffer.size());
    if (size <= 0) break;
    for (ssize_t at = 0; at < size;) {
      inotify_event event;
      std::memcpy(&event, buffer.data() + at, sizeof event);
      const char* const name = buffer.data() + at + sizeof event;
      hear(event.wd, event.mask, event.cookie, {name, ::strnlen(name, event.len)});
      at += static_cast<ssize_t>(sizeof event + event.len);
    }
  }
  tell_noted();
  if (folder_gone_) return false;
  return monotonic_now_ns() < due_ns() || look();
}

}  // namespace tcpinfo::offline
