// SPDX-License-Identifier: Apache-2.0
#include "offline/erasing/file_swap.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>

#include "common/message_of.h"
#include "offline/inputs/file_names.h"
#include "offline/packing/archive_lines.h"
#include "offline/packing/folders.h"

namespace tcpinfo::offline {
namespace {

const std::string& new_name() {
  static const std::string name(swap_name);
  return name;
}

}  // namespace

std::string file_swap::lock(const std::string& path) {
  discard();
  const std::string_view folder = folder_of(path);
  folder_path_ = !folder.empty() ? std::string(folder) : path.starts_with('/') ? "/" : ".";
  name_ = base_name(path);
  folder_.reset(open(folder_path_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder_) return message_of(errno);
  if (flock(folder_.get(), LOCK_EX | LOCK_NB) == 0) return {};
  const int error = errno;
  folder_.reset();
  return error == EWOULDBLOCK ? "another erase, pack or unpack is at work in its directory"
                              : "lock: " + message_of(error);
}

std::string file_swap::begin(const std::string& path) {
  if (const std::string wrong = lock(path); !wrong.empty()) return wrong;
  if (fstatat(folder_.get(), name_.c_str(), &about_, AT_SYMLINK_NOFOLLOW) != 0)
    return message_of(errno);
  return S_ISREG(about_.st_mode) ? std::string() : "no regular file";
}

std::string file_swap::new_path() const {
  return folder_path_ + (folder_path_.ends_with('/') ? "" : "/") + new_name();
}

int file_swap::create() {
  if (unlinkat(folder_.get(), new_name().c_str(), 0) != 0 && errno != ENOENT) return errno;
  // Nobody else may read it before its owners are those of the old file.
  file_.reset(openat(folder_.get(), new_name().c_str(),
                     O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!file_) return errno;
  made_ = true;
  mode_t mode = about_.st_mode & 0777U;
  // What a group may do that we cannot give it to, nobody else may.
  if (fchown(file_.get(), about_.st_uid, about_.st_gid) != 0 &&
      fchown(file_.get(), static_cast<uid_t>(-1), about_.st_gid) != 0)
    mode &= ~mode_t{070};
  return fchmod(file_.get(), mode) == 0 ? 0 : errno;
}

std::string file_swap::check(std::uint64_t identity) const {
  struct stat now {};
  if (fstatat(folder_.get(), name_.c_str(), &now, AT_SYMLINK_NOFOLLOW) != 0)
    return message_of(errno);
  return identity_of(now) == identity ? std::string() : "changed while it was read: left as it is";
}

std::string file_swap::replace(std::uint64_t identity) {
  // Files are passed over by --since for the time at which they were last written to.
  const timespec times[] = {about_.st_atim, about_.st_mtim};
  if (futimens(file_.get(), times) != 0 || fsync(file_.get()) != 0) return message_of(errno);
  if (std::string wrong = check(identity); !wrong.empty()) return wrong;
  if (renameat(folder_.get(), new_name().c_str(), folder_.get(), name_.c_str()) != 0)
    return message_of(errno);
  made_ = false;
  return fsync(folder_.get()) == 0 ? std::string() : message_of(errno);
}

std::string file_swap::remove(std::uint64_t identity) {
  if (std::string wrong = check(identity); !wrong.empty()) return wrong;
  if (unlinkat(folder_.get(), name_.c_str(), 0) != 0) return message_of(errno);
  return fsync(folder_.get()) == 0 ? std::string() : message_of(errno);
}

void file_swap::discard() {
  if (made_) (void)unlinkat(folder_.get(), new_name().c_str(), 0);
  made_ = false;
  file_.reset();
  folder_.reset();
}

std::string file_swap::remove_leftover(const std::string& path) {
  std::string wrong = lock(path);
  if (wrong.empty() && unlinkat(folder_.get(), new_name().c_str(), 0) != 0 && errno != ENOENT)
    wrong = message_of(errno);
  discard();
  return wrong;
}

}  // namespace tcpinfo::offline
