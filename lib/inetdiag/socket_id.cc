// SPDX-License-Identifier: Apache-2.0
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstring>

#include <tcpinfo/inetdiag.h>

#include "common/errno_of.h"

namespace tcpinfo::inline v0 {
namespace {

// One end, from what getsockname(2) and its like say.
bool take(const sockaddr_storage& from, ip_address& address, std::uint16_t& port) noexcept {
  if (from.ss_family == AF_INET) {
    sockaddr_in v4{};
    std::memcpy(&v4, &from, sizeof v4);
    address.family = address_family::ipv4;
    std::memcpy(address.bytes.data(), &v4.sin_addr, 4);
    port = ntohs(v4.sin_port);
    return true;
  }
  if (from.ss_family != AF_INET6) return false;
  sockaddr_in6 v6{};
  std::memcpy(&v6, &from, sizeof v6);
  address.family = address_family::ipv6;
  std::memcpy(address.bytes.data(), &v6.sin6_addr, 16);
  port = ntohs(v6.sin6_port);
  return true;
}

}  // namespace

std::error_code socket_id_of(int fd, socket_id& out) noexcept {
  socket_id id;
  sockaddr_storage here{};
  sockaddr_storage there{};
  socklen_t size = sizeof here;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&here), &size) != 0) return last_error();
  size = sizeof there;
  if (::getpeername(fd, reinterpret_cast<sockaddr*>(&there), &size) != 0) return last_error();
  if (!take(here, id.src, id.sport) || !take(there, id.dst, id.dport))
    return errc::invalid_argument;
  int bound = 0;
  size = sizeof bound;
  // Linux 5.1; before it a query works without all the same.
  if (::getsockopt(fd, SOL_SOCKET, SO_BINDTOIFINDEX, &bound, &size) == 0)
    id.interface = static_cast<std::uint32_t>(bound);
  size = sizeof id.cookie;
  if (::getsockopt(fd, SOL_SOCKET, SO_COOKIE, &id.cookie, &size) != 0) return last_error();
  out = id;
  return {};
}

}  // namespace tcpinfo::inline v0
