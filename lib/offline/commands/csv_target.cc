// SPDX-License-Identifier: Apache-2.0
#include "offline/commands/csv_target.h"

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>

#include "text/write_all.h"

namespace tcpinfo::offline {
namespace {

// For the signal handler, which may use nothing else.
std::atomic<const char*> unfinished = nullptr;

extern "C" void remove_unfinished(int signal) {
  if (const char* path = unfinished.load()) unlink(path);
  // The handler is reset (SA_RESETHAND): who waits for us sees the signal.
  raise(signal);
}

void watch_signals() {
  struct sigaction action {};
  action.sa_handler = remove_unfinished;
  action.sa_flags = static_cast<int>(SA_RESETHAND);
  for (const int signal : {SIGHUP, SIGINT, SIGTERM}) {
    struct sigaction before {};
    if (sigaction(signal, nullptr, &before) == 0 && before.sa_handler == SIG_DFL)
      sigaction(signal, &action, nullptr);
  }
}

mode_t default_mode() {
  const mode_t mask = umask(0);
  umask(mask);
  return 0666 & ~mask;
}

// A link stays, and what it points to is replaced, or made where it points to nothing.
int follow_links(const std::string& path, std::string& out) {
  constexpr int most_links = 40;  // as the kernel's limit
  out = path;
  std::string target(PATH_MAX, '\0');
  for (int links = 0;; ++links) {
    const ssize_t size = readlink(out.c_str(), target.data(), target.size());
    if (size < 0) return 0;
    if (links == most_links) return ELOOP;
    if (target[0] != '/')
      out.resize(out.rfind('/') + 1);
    else
      out.clear();
    out.append(target, 0, static_cast<std::size_t>(size));
  }
}

// As the file that will be replaced. Without the right to give the file to that one's group, what
// the group may do is what everybody may.
int take_over(int fd, const struct stat& replaced) {
  mode_t mode = replaced.st_mode & 0777U;
  if (fchown(fd, replaced.st_uid, replaced.st_gid) != 0 &&
      fchown(fd, static_cast<uid_t>(-1), replaced.st_gid) != 0)
    mode = (mode & 0707U) | (mode & 0007U) << 3U;
  return fchmod(fd, mode) == 0 ? 0 : errno;
}

}  // namespace

csv_target::~csv_target() {
  discard();
  if (owned_ && fd_ >= 0) close(fd_);
}

void csv_target::discard() {
  if (temporary_.empty()) return;
  unfinished = nullptr;
  unlink(temporary_.c_str());
  temporary_.clear();
}

int csv_target::open(const std::string& path) {
  if (path.empty()) {
    fd_ = STDOUT_FILENO;
    return 0;
  }
  path_ = path;
  struct stat there {};
  const bool replaces = stat(path.c_str(), &there) == 0;
  // What is no file is written to as it is named: links to pipes have no path (/dev/stdout).
  if (replaces && !S_ISREG(there.st_mode)) {
    fd_ = ::open(path_.c_str(), O_WRONLY | O_CLOEXEC);
    owned_ = fd_ >= 0;
    return fd_ >= 0 ? 0 : errno;
  }
  if (const int error = follow_links(path, path_)) return error;
  if (const int error = open_temporary()) return error;
  if (replaces) return take_over(fd_, there);
  return fchmod(fd_, default_mode()) == 0 ? 0 : errno;
}

int csv_target::open_temporary() {
  constexpr std::string_view ending = ".XXXXXX";
  temporary_ = path_;
  // A name that is as long as names may be gets another beside it.
  const std::size_t name = path_.rfind('/') + 1;
  if (path_.size() - name + ending.size() > NAME_MAX)
    temporary_.resize(name + NAME_MAX - ending.size());
  temporary_ += ending;
  fd_ = mkostemp(temporary_.data(), O_CLOEXEC);
  if (fd_ < 0) {
    const int error = errno;
    temporary_.clear();
    return error;
  }
  owned_ = true;
  unfinished = temporary_.c_str();
  watch_signals();
  return 0;
}

bool csv_target::write(std::string_view text) {
  if (!closed_ && error_ == 0) {
    const int error = text::write_all(fd_, text);
    closed_ = error == EPIPE;
    if (!closed_) error_ = error;
  }
  return !closed_ && error_ == 0;
}

int csv_target::finish() {
  if (error_ != 0) return error_;
  if (temporary_.empty()) return 0;
  if (fsync(fd_) != 0 || rename(temporary_.c_str(), path_.c_str()) != 0) return errno;
  unfinished = nullptr;
  temporary_.clear();
  return 0;
}

}  // namespace tcpinfo::offline
