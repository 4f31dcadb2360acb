// SPDX-License-Identifier: Apache-2.0
//
// ADDR:PORT as people and M-Lab's deployments write it.
#ifndef TCPINFO_COLLECT_LISTEN_ADDRESS_H
#define TCPINFO_COLLECT_LISTEN_ADDRESS_H

#include <tcpinfo/inetdiag.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

#include "collect/os/descriptor.h"

struct sockaddr_storage;

namespace tcpinfo::collect {

struct listen_address {
  ip_address address;      ///< unspecified family: every address of the machine
  std::uint16_t port = 0;  ///< 0: one that is free
};

/// Reads "127.0.0.1:9990", "[::1]:9990", "localhost:9990" or ":9990" (every address).
[[nodiscard]] std::optional<listen_address> parse_listen_address(std::string_view text);
/// The same form again.
[[nodiscard]] std::string to_string(const listen_address& where);
/// Listens there, on a socket that does not block; for every address over IPv4 and IPv6, as far as
/// the machine has them. `where` gets the port that was free in place of 0.
/// @return why it cannot: an errno.
[[nodiscard]] std::error_code listen_at(listen_address& where, descriptor& out) noexcept;
/// Whether a server could listen there now; why not.
[[nodiscard]] std::error_code try_listening(listen_address where) noexcept;
/// The address in it, IPv4 as such; none of another family.
[[nodiscard]] ip_address address_of(const sockaddr_storage& from) noexcept;

}  // namespace tcpinfo::collect

#endif
