// SPDX-License-Identifier: Apache-2.0
#include "collect/serving/event_listener.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "collect/os/unix_address.h"
#include "common/errno_of.h"

namespace tcpinfo::collect {
namespace {

int make_socket() noexcept {
  return ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

// Makes room for our file, where what is there may go.
std::error_code remove_stale(const std::string& path, const unix_address& name) noexcept {
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0)
    return errno == ENOENT ? std::error_code{} : last_error();
  if (!S_ISSOCK(status.st_mode)) return system_error(EEXIST);
  const descriptor probe(make_socket());
  if (!probe) return last_error();
  const bool answered = ::connect(probe.get(), name.get(), name.size()) == 0;
  const int error = answered ? EADDRINUSE : errno;
  // EAGAIN: somebody listens and is slow to answer. EPROTOTYPE: somebody of another kind.
  if (error == EAGAIN || error == EPROTOTYPE) return system_error(EADDRINUSE);
  if (error != ECONNREFUSED) return system_error(error);
  return ::unlink(path.c_str()) == 0 || errno == ENOENT ? std::error_code{} : last_error();
}

// The umask has cut the mode that the socket had when it was bound. This changes the file
// that was looked at, whatever stands at the path by now.
std::error_code set_mode(const std::string& path, unsigned mode) {
  const descriptor file(::open(path.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
  if (!file) return last_error();
  struct stat status {};
  if (::fstat(file.get(), &status) != 0 || !S_ISSOCK(status.st_mode)) return system_error(ESTALE);
  if ((status.st_mode & 07777U) != mode &&
      ::chmod(("/proc/self/fd/" + std::to_string(file.get())).c_str(), mode) != 0)
    return last_error();
  return {};
}

}  // namespace

std::error_code event_listener::open(const std::string& path, std::optional<unsigned> mode) {
  close();
  const auto made = unix_address::of_path(path);
  if (!made) return system_error(path.size() > unix_address::max_path ? ENAMETOOLONG : EINVAL);
  const unix_address& name = *made;
  if (const auto ec = remove_stale(path, name)) return ec;
  socket_.reset(make_socket());
  if (!socket_) return last_error();
  // Before bind(2), so that the file never has a mode wider than asked for.
  std::error_code ec;
  if (mode && ::fchmod(socket_.get(), *mode) != 0) ec = last_error();
  if (!ec && ::bind(socket_.get(), name.get(), name.size()) != 0) ec = last_error();
  struct stat status {};
  if (!ec && ::lstat(path.c_str(), &status) != 0) ec = last_error();
  if (!ec) {
    // From here on it is ours to remove.
    path_ = path;
    device_ = status.st_dev;
    inode_ = status.st_ino;
    if (mode) ec = set_mode(path, *mode);
  }
  if (!ec && ::listen(socket_.get(), SOMAXCONN) != 0) ec = last_error();
  if (ec) close();
  return ec;
}

void event_listener::close() noexcept {
  struct stat status {};
  // Not that of another, who replaced it.
  if (!path_.empty() && ::lstat(path_.c_str(), &status) == 0 && status.st_dev == device_ &&
      status.st_ino == inode_)
    (void)::unlink(path_.c_str());
  path_.clear();
  socket_.reset();
}

}  // namespace tcpinfo::collect
