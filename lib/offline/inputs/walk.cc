// SPDX-License-Identifier: Apache-2.0
#include "offline/inputs/walk.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "common/message_of.h"
#include "offline/inputs/file_names.h"
#include "offline/inputs/sniffing/file_judge.h"

namespace tcpinfo::offline {
namespace {

std::string files(std::uint64_t n) { return fmt::format("{} file{}", n, n == 1 ? "" : "s"); }

}  // namespace

struct input_walk::level {
  explicit level(DIR* d) : dir(d) {}
  ~level() { closedir(dir); }
  level(const level&) = delete;
  level& operator=(const level&) = delete;

  struct entry {
    std::string name;
    unsigned char type;  // DT_REG and the like; DT_UNKNOWN where the file system does not tell
  };
  DIR* dir;          // open, so that files are found without their whole path
  std::string path;  // with a slash behind
  std::vector<entry> entries;
  std::size_t at = 0;
};

input_walk::input_walk(std::vector<std::string> paths, walk_options options,
                       fault_callback on_fault)
    : paths_(std::move(paths)), options_(std::move(options)), on_fault_(std::move(on_fault)) {
  if (paths_.empty()) paths_.emplace_back(stdin_path);
}
input_walk::~input_walk() = default;

void input_walk::tell(const std::string& path, std::string_view what, bool note) {
  if (!on_fault_({.file = path, .what = what, .note = note})) stopped_ = true;
}

void input_walk::enter(const std::string& directory) {
  DIR* dir = opendir(directory.c_str());
  if (dir == nullptr) return tell(directory, message_of(errno));
  auto l = std::make_shared<level>(dir);
  l->path = directory;
  if (l->path.empty() || l->path.back() != '/') l->path += '/';
  errno = 0;
  while (const dirent* entry = readdir(dir)) {
    const std::string_view name = entry->d_name;
    if (name == "." || name == "..") continue;
    l->entries.push_back({std::string(name), entry->d_type});
  }
  if (errno != 0) tell(directory, message_of(errno));
  std::sort(l->entries.begin(), l->entries.end(),
            [](const auto& a, const auto& b) { return a.name < b.name; });
  levels_.push_back(std::move(l));
}

// What is known of a file by its name and place, and only where that does not tell, by its times:
// the one place where things are passed over without being opened.
bool input_walk::wants(const std::string& path, bool is_folder, int directory,
                       const std::string& name) const {
  if (!options_.wants) return true;
  const std::function<std::optional<std::int64_t>()> modified =
      [&]() -> std::optional<std::int64_t> {
    struct stat st {};
    if (fstatat(directory, name.c_str(), &st, 0) != 0) return std::nullopt;
    return std::int64_t{st.st_mtim.tv_sec} * 1'000'000'000 + st.st_mtim.tv_nsec;
  };
  return options_.wants({path, base_name(path), is_folder, modified});
}

// Whether a file of a directory is read, which is there and may be looked at. What is not is
// counted.
bool input_walk::takes(const std::string& path, std::string_view name) {
  if (is_archive_name(name)) return true;
  // Of a program that is at work, or of one that does not want to be seen.
  if (name.starts_with('.')) return false;
  if (!judge_) judge_ = std::make_unique<file_judge>(options_.captures, options_.max_window_log);
  const judgement is = judge_->judge(path);
  // Who reads it says what is damaged, or why it cannot be opened.
  if (is == judgement::damaged || (is == judgement::ours && take_apart(name).may_be_ours()))
    return true;
  // What neither its name nor its content takes for data (notes, tables) is none of our business.
  if (is == judgement::nothing) return false;
  passed& p = is == judgement::unread ? unread_ : others_;
  if (p.files++ == 0) p.first = path;
  return false;
}

// What was passed over in a directory that was named.
void input_walk::tell_passed() {
  const passed unread = std::exchange(unread_, {});
  const passed others = std::exchange(others_, {});
  if (unread.files != 0)
    tell(directory_, fmt::format("{} in formats that are not read, such as {}", files(unread.files),
                                 unread.first));
  if (others.files != 0 && !stopped_)
    tell(directory_,
         fmt::format("passed over {} without archives{}, such as {}", files(others.files),
                     options_.captures ? " or captures" : "", others.first),
         true);
}

bool input_walk::next(std::string& path) {
  while (!stopped_) {
    if (!levels_.empty()) {
      level& l = *levels_.back();
      if (l.at == l.entries.size()) {
        levels_.pop_back();
        if (levels_.empty()) tell_passed();
        continue;
      }
      const auto& [name, type] = l.entries[l.at++];
      std::string full = l.path + name;
      // Most files of a large archive are not wanted: the name alone is enough to tell.
      if (type == DT_REG && !wants(full, false, dirfd(l.dir), name)) continue;
      struct stat st {};
      if (lstat(full.c_str(), &st) != 0) {
        // One that was being written is complete by now, under its other name.
        const int error = errno;
        std::string_view whole = full;
        if (error != ENOENT || !take_ending(whole, ".part") ||
            lstat(std::string(whole).c_str(), &st) != 0) {
          if (is_archive_name(name) || error != ENOENT) tell(full, message_of(error));
          continue;
        }
        full.resize(whole.size());
      }
      const bool folder = S_ISDIR(st.st_mode);
      if (type != DT_REG && !wants(full, folder, dirfd(l.dir), name)) continue;
      if (folder) {
        if (name != unpack_folder) enter(full);
        continue;
      }
      if (S_ISLNK(st.st_mode) && stat(full.c_str(), &st) != 0) {
        if (is_archive_name(name)) tell(full, message_of(errno));
        continue;
      }
      if (!S_ISREG(st.st_mode) || !takes(full, name)) continue;
      path = std::move(full);
      return true;
    }
    if (at_ == paths_.size()) return false;
    const std::string& named = paths_[at_++];
    struct stat st {};
    const bool there = named != stdin_path && stat(named.c_str(), &st) == 0;
    if (there && S_ISDIR(st.st_mode)) {
      directory_ = named;
      enter(named);
      continue;
    }
    if (there && S_ISREG(st.st_mode) && !wants(named, false, AT_FDCWD, named)) continue;
    path = named;  // whatever it is: opening it tells
    return true;
  }
  return false;
}

}  // namespace tcpinfo::offline
