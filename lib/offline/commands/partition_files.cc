// SPDX-License-Identifier: Apache-2.0
#include "offline/commands/partition_files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <set>
#include <utility>

#include "common/message_of.h"
#include "offline/packing/folders.h"
#include "text/write_all.h"

namespace tcpinfo::offline {
namespace {

std::string before_its_name(const std::filesystem::path& path) { return path.string() + ".part"; }

// Half of what the process may have: the files that are read take descriptors, too.
std::size_t descriptors_for_files() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return 8;
  return static_cast<std::size_t>(std::clamp<rlim_t>(limit.rlim_cur / 2, 1, 1U << 16U));
}

// Who writes a file has it locked until it has its name. Not every file system has locks.
bool is_locked_by_others(int fd) {
  return flock(fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;
}

int sync_folder(const std::filesystem::path& folder) {
  const descriptor held(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  return held && fsync(held.get()) == 0 ? 0 : errno;
}

// The folder that has its name in it.
std::filesystem::path above(const std::filesystem::path& path) {
  const std::filesystem::path folder = path.parent_path();
  return folder.empty() ? "." : folder;
}

}  // namespace

partition_files::partition_files(std::string folder, std::string name)
    : folder_(std::move(folder)), name_(std::move(name)), most_open_(descriptors_for_files()) {
  if (!folder_.has_filename()) folder_ = folder_.parent_path();  // "parts/" is "parts"
}

partition_files::~partition_files() {
  // A file that was closed may be another program's by now.
  for (const auto& f : files_)
    if (!f->path.empty() && hold(*f) == 0) unlink(before_its_name(f->path).c_str());
  for (auto at = made_.rbegin(); at != made_.rend(); ++at) rmdir(at->c_str());
}

bool partition_files::fail(const std::filesystem::path& path, int error) {
  if (error_.empty()) error_ = fmt::format("{}: {}", path.string(), message_of(error));
  return false;
}

int partition_files::make_folders(const std::filesystem::path& folder) {
  std::filesystem::path path;
  for (const std::filesystem::path& name : folder) {
    path /= name;
    if (mkdir(path.c_str(), 0777) == 0) {
      made_.push_back(path);
      continue;
    }
    const int error = errno;
    struct stat there {};
    if (stat(path.c_str(), &there) != 0) return error;
    if (!S_ISDIR(there.st_mode)) return ENOTDIR;
  }
  return 0;
}

// @return an errno: EEXIST where the file is there (rows of an earlier run, which may be others:
// nothing tells whether these are to go), EBUSY where another program is writing it.
int partition_files::create(file& f) {
  struct stat there {};
  if (lstat(f.path.c_str(), &there) == 0) return EEXIST;
  descriptor fd(
      ::open(before_its_name(f.path).c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666));
  if (!fd) return errno;
  if (is_locked_by_others(fd.get())) return EBUSY;
  // It may have got its name meanwhile.
  if (lstat(f.path.c_str(), &there) == 0) return EEXIST;
  if (ftruncate(fd.get(), 0) != 0 || fstat(fd.get(), &there) != 0) return errno;
  if (there.st_nlink == 0) return EBUSY;  // its writer has removed it meanwhile
  f.device = there.st_dev;
  f.inode = there.st_ino;
  f.held = std::move(fd);
  return 0;
}

// A file that was closed in favour of others. @return an errno: EBUSY where another program has
// taken it for one that was left behind.
int partition_files::open_again(file& f) {
  descriptor fd(::open(before_its_name(f.path).c_str(), O_WRONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!fd) return errno;
  struct stat there {};
  if (fstat(fd.get(), &there) != 0) return errno;
  const bool ours = there.st_dev == f.device && there.st_ino == f.inode && there.st_size == f.size;
  if (!ours || is_locked_by_others(fd.get())) return EBUSY;
  if (lseek(fd.get(), 0, SEEK_END) < 0) return errno;
  f.held = std::move(fd);
  return 0;
}

// Before another one is opened.
void partition_files::make_room() {
  while (open_.size() >= most_open_) {
    open_.front()->held.reset();
    open_.pop_front();
  }
}

int partition_files::hold(file& f) {
  if (f.held) {
    open_.splice(open_.end(), open_, std::find(open_.begin(), open_.end(), &f));
    return 0;
  }
  make_room();
  if (const int error = open_again(f)) return error;
  open_.push_back(&f);
  return 0;
}

partition_files::file* partition_files::make(const std::string& partition) {
  const std::filesystem::path folder = folder_ / partition;
  if (const int error = make_folders(folder)) {
    static_cast<void>(fail(folder, error));
    return nullptr;
  }
  auto made = std::make_unique<file>();
  made->path = folder / name_;
  make_room();
  if (const int error = create(*made)) {
    static_cast<void>(fail(made->path, error));
    return nullptr;
  }
  file& f = *files_.emplace_back(std::move(made));
  open_.push_back(&f);
  return &f;
}

bool partition_files::write(file& to, std::string_view bytes) {
  if (const int error = hold(to)) return fail(to.path, error);
  if (const int error = text::write_all(to.held.get(), bytes)) return fail(to.path, error);
  to.size += static_cast<off_t>(bytes.size());
  return true;
}

bool partition_files::sync(file& f) {
  if (const int error = hold(f)) return fail(f.path, error);
  return fsync(f.held.get()) == 0 || fail(f.path, errno);
}

bool partition_files::give_names() {
  std::set<std::filesystem::path> folders;
  for (const auto& f : files_) {
    if (const int error = hold(*f)) return fail(f->path, error);
    if (const int error =
            rename_to_new(AT_FDCWD, before_its_name(f->path), AT_FDCWD, f->path.string()))
      return fail(f->path, error);
    folders.insert(above(f->path));
    f->path.clear();
  }
  // A folder lasts no longer than its own name.
  for (const std::filesystem::path& folder : made_) folders.insert(above(folder));
  made_.clear();
  for (const std::filesystem::path& folder : folders)
    if (const int error = sync_folder(folder)) return fail(folder, error);
  return true;
}

}  // namespace tcpinfo::offline
