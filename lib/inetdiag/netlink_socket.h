// SPDX-License-Identifier: Apache-2.0
//
// libnl's socket with an owner. libnl serves for the life cycle, the port id and the groups;
// messages are received by our own loops, for libnl allocates for each datagram.
#ifndef TCPINFO_INETDIAG_NETLINK_SOCKET_H
#define TCPINFO_INETDIAG_NETLINK_SOCKET_H

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <system_error>

struct nl_sock;

namespace tcpinfo::inline v0 {

class netlink_socket {
 public:
  netlink_socket() noexcept = default;
  ~netlink_socket();
  netlink_socket(const netlink_socket&) = delete;
  netlink_socket& operator=(const netlink_socket&) = delete;

  /// In which network namespace open() opens from now on: that of the descriptor, of which a copy
  /// is kept, or, for -1, the calling thread's. @return the errno of fcntl(2); nothing changed.
  [[nodiscard]] std::error_code use_netns(int netns) noexcept;
  /// A bound NETLINK_SOCK_DIAG socket; one that was open is closed first.
  [[nodiscard]] std::error_code open() noexcept;
  void close() noexcept;
  [[nodiscard]] bool is_open() const noexcept { return socket_ != nullptr; }
  [[nodiscard]] int fd() const noexcept;
  /// The address the kernel answers to.
  [[nodiscard]] std::uint32_t port() const noexcept;
  [[nodiscard]] std::error_code join(int group) noexcept;

 private:
  [[nodiscard]] std::error_code open_here() noexcept;

  nl_sock* socket_ = nullptr;
  int netns_ = -1;  // owned
};

}  // namespace tcpinfo::inline v0

#endif
