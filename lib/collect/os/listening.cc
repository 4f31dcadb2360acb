// SPDX-License-Identifier: Apache-2.0
#include "collect/os/listening.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "common/errno_of.h"

namespace tcpinfo::collect {
namespace {

struct socket_name {
  sockaddr_storage bytes{};
  socklen_t size = 0;

  [[nodiscard]] const sockaddr* get() const noexcept {
    return static_cast<const sockaddr*>(static_cast<const void*>(&bytes));
  }
  [[nodiscard]] sockaddr* get() noexcept {
    return static_cast<sockaddr*>(static_cast<void*>(&bytes));
  }
};

socket_name name_of(const ip_address& address, int family, std::uint16_t port) noexcept {
  socket_name name;
  if (family == AF_INET6) {
    sockaddr_in6 v6{};
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(port);
    std::memcpy(&v6.sin6_addr, address.bytes.data(), 16);
    std::memcpy(&name.bytes, &v6, sizeof v6);
    name.size = sizeof v6;
  } else {
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    std::memcpy(&v4.sin_addr, address.bytes.data(), 4);
    std::memcpy(&name.bytes, &v4, sizeof v4);
    name.size = sizeof v4;
  }
  return name;
}

std::uint16_t port_of(const sockaddr_storage& name) noexcept {
  // At the same place for both families.
  sockaddr_in v4{};
  std::memcpy(&v4, &name, sizeof v4);
  return ntohs(v4.sin_port);
}

std::error_code listen_over(int family, bool ipv4_too, listen_address& where,
                            descriptor& out) noexcept {
  descriptor socket(::socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket) return last_error();
  const int on = 1;
  (void)::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  const int ipv6_only = ipv4_too ? 0 : 1;
  if (family == AF_INET6 &&
      ::setsockopt(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY, &ipv6_only, sizeof ipv6_only) != 0)
    return last_error();
  socket_name name = name_of(where.address, family, where.port);
  if (::bind(socket.get(), name.get(), name.size) != 0 || ::listen(socket.get(), SOMAXCONN) != 0 ||
      ::getsockname(socket.get(), name.get(), &name.size) != 0)
    return last_error();
  where.port = port_of(name.bytes);
  out = std::move(socket);
  return {};
}

}  // namespace

std::error_code listen_at(listen_address& where, descriptor& out) noexcept {
  switch (where.address.family) {
    case address_family::ipv4:
      return listen_over(AF_INET, false, where, out);
    case address_family::ipv6:
      return listen_over(AF_INET6, false, where, out);
    default:
      break;
  }
  const auto ec = listen_over(AF_INET6, true, where, out);
  // A machine without IPv6, or one that has no address of it.
  if (is_errno(ec, EAFNOSUPPORT) || is_errno(ec, EADDRNOTAVAIL))
    return listen_over(AF_INET, false, where, out);
  return ec;
}

std::error_code try_listening(listen_address where) noexcept {
  descriptor socket;
  return listen_at(where, socket);
}

ip_address address_of(const sockaddr_storage& from) noexcept {
  ip_address address;
  if (from.ss_family == AF_INET) {
    sockaddr_in v4{};
    std::memcpy(&v4, &from, sizeof v4);
    address.family = address_family::ipv4;
    std::memcpy(address.bytes.data(), &v4.sin_addr, 4);
  } else if (from.ss_family == AF_INET6) {
    sockaddr_in6 v6{};
    std::memcpy(&v6, &from, sizeof v6);
    address.family = address_family::ipv6;
    std::memcpy(address.bytes.data(), &v6.sin6_addr, 16);
  }
  return address.unmapped();
}

caller_origin origin_of(int socket, const sockaddr_storage& from) noexcept {
  caller_origin origin;
  origin.network = address_of(from);
  if (origin.network.family == address_family::ipv6)
    std::fill(origin.network.bytes.begin() + 8, origin.network.bytes.end(), std::uint8_t{0});
  ucred user{};
  socklen_t size = sizeof user;
  if (from.ss_family == AF_UNIX && ::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &user, &size) == 0)
    origin.user = user.uid;
  return origin;
}

}  // namespace tcpinfo::collect
