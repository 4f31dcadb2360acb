// SPDX-License-Identifier: Apache-2.0
//
// Sockets of servers, and who calls them.
#ifndef TCPINFO_COLLECT_OS_LISTENING_H
#define TCPINFO_COLLECT_OS_LISTENING_H

#include <cstdint>
#include <system_error>

#include "collect/listen_address.h"
#include "collect/os/descriptor.h"

struct sockaddr_storage;

namespace tcpinfo::collect {

/// Listens at `where`, on a socket that does not block; for every address over IPv4 and IPv6, as
/// far as the machine has them. `where` gets the port that was free in place of 0.
/// @return why it cannot: an errno.
[[nodiscard]] std::error_code listen_at(listen_address& where, descriptor& out) noexcept;
/// Whether a server could listen there now; why not.
[[nodiscard]] std::error_code try_listening(listen_address where) noexcept;
/// The address in it, IPv4 as such; none of another family.
[[nodiscard]] ip_address address_of(const sockaddr_storage& from) noexcept;

/// Who it is that calls, as far as callers can be told apart that cannot make themselves many.
struct caller_origin {
  ip_address network;      ///< IPv4: the address; IPv6: its /64, of which a machine may have all
  std::uint32_t user = 0;  ///< over a UNIX socket: number of the user
  friend bool operator==(const caller_origin&, const caller_origin&) = default;
};
/// @param socket that was accepted, @param from its other end
[[nodiscard]] caller_origin origin_of(int socket, const sockaddr_storage& from) noexcept;

}  // namespace tcpinfo::collect

#endif
