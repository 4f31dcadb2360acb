// SPDX-License-Identifier: Apache-2.0
//
// Both ends of a connection, as people and ss(8) write them.
#ifndef TCPINFO_TEXT_ENDPOINTS_H
#define TCPINFO_TEXT_ENDPOINTS_H

#include <tcpinfo/inetdiag.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace tcpinfo::text {

/// An address and a port.
struct endpoint {
  ip_address address;  ///< an IPv4 one where it was IPv4-mapped
  std::uint16_t port = 0;
  friend bool operator==(const endpoint&, const endpoint&) = default;
};
/// Both ends, in any order.
struct endpoint_pair {
  endpoint one;
  endpoint other;
};

/// Whether it looks like one end: as ss prints a column, ADDRESS:PORT. Then a second one follows.
[[nodiscard]] bool is_endpoint(std::string_view text);
/// Reads ADDRESS:PORT-ADDRESS:PORT, or blanks in place of the '-' as between the columns of ss;
/// IPv6 addresses in brackets, an interface behind a % is passed over.
/// @return what is wrong; empty where `out` has both.
[[nodiscard]] std::string parse_ends(std::string_view text, endpoint_pair& out);
/// "192.0.2.1:443", "[2001:db8::1]:443".
[[nodiscard]] std::string format_end(const endpoint& end);
/// As parse_ends() reads it.
[[nodiscard]] std::string format_ends(const endpoint_pair& ends);

}  // namespace tcpinfo::text

#endif
