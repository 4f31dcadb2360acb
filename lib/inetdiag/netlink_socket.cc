// SPDX-License-Identifier: Apache-2.0
#include "inetdiag/netlink_socket.h"

#include <fcntl.h>
#include <linux/netlink.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>
#include <unistd.h>

#include <cerrno>

#include "common/errno_of.h"
#include "inetdiag/in_netns.h"

namespace tcpinfo::inline v0 {

netlink_socket::~netlink_socket() {
  close();
  if (netns_ >= 0) ::close(netns_);
}

std::error_code netlink_socket::use_netns(int netns) noexcept {
  const int copy = netns < 0 ? -1 : fcntl(netns, F_DUPFD_CLOEXEC, 0);
  if (netns >= 0 && copy < 0) return last_error();
  if (netns_ >= 0) ::close(netns_);
  netns_ = copy;
  return {};
}

std::error_code netlink_socket::open() noexcept {
  close();
  if (netns_ < 0) return open_here();
  return in_netns(
      netns_, [](void* user) noexcept { return static_cast<netlink_socket*>(user)->open_here(); },
      this);
}

std::error_code netlink_socket::open_here() noexcept {
  nl_sock* fresh = nl_socket_alloc();
  if (fresh == nullptr) return system_error(ENOMEM);
  // libnl folds many errnos into few codes of its own; the call's own errno says more.
  errno = 0;
  if (nl_connect(fresh, NETLINK_SOCK_DIAG) < 0) {
    const int error = errno != 0 ? errno : EIO;
    nl_socket_free(fresh);
    return system_error(error);
  }
  socket_ = fresh;
  return {};
}

void netlink_socket::close() noexcept {
  if (socket_ == nullptr) return;
  nl_socket_free(socket_);
  socket_ = nullptr;
}

int netlink_socket::fd() const noexcept {
  return socket_ == nullptr ? -1 : nl_socket_get_fd(socket_);
}

std::uint32_t netlink_socket::port() const noexcept { return nl_socket_get_local_port(socket_); }

std::error_code netlink_socket::join(int group) noexcept {
  errno = 0;
  if (nl_socket_add_membership(socket_, group) < 0) return system_error(errno != 0 ? errno : EIO);
  return {};
}

}  // namespace tcpinfo::inline v0
