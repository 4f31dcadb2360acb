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

namespace tcpinfo::collect {

struct listen_address {
  ip_address address;      ///< unspecified family: every address of the machine
  std::uint16_t port = 0;  ///< 0: one that is free
};

/// Reads "127.0.0.1:9990", "[::1]:9990", "localhost:9990" or ":9990" (every address).
[[nodiscard]] std::optional<listen_address> parse_listen_address(std::string_view text);
/// The same form again.
[[nodiscard]] std::string to_string(const listen_address& where);
}  // namespace tcpinfo::collect

#endif
