// SPDX-License-Identifier: Apache-2.0
//
// What requests are made of: the kernel's structs, and whether a request can be obeyed at all.
#ifndef TCPINFO_INETDIAG_REQUEST_H
#define TCPINFO_INETDIAG_REQUEST_H

#include <linux/inet_diag.h>

#include <system_error>

#include <tcpinfo/inetdiag.h>

namespace tcpinfo::inline v0 {

/// @return what is wrong with a request, before anything is sent.
[[nodiscard]] std::error_code check_request(const dump_request& request) noexcept;
[[nodiscard]] std::error_code check_request(const query_request& request) noexcept;

/// Whether its ends have a family, and the same.
[[nodiscard]] bool can_be_queried(const socket_id& id) noexcept;

/// The request about one socket.
[[nodiscard]] inet_diag_req_v2 query_body(const socket_id& id,
                                          const query_request& request) noexcept;

/// struct inet_diag_req_v2 has 8 bits for a protocol: others are an attribute (Linux 5.9), and 0
/// here, which an older kernel has no module for.
[[nodiscard]] inline std::uint8_t protocol_byte(transport protocol) noexcept {
  const auto number = static_cast<std::uint32_t>(protocol);
  return number <= 0xff ? static_cast<std::uint8_t>(number) : std::uint8_t{0};
}

}  // namespace tcpinfo::inline v0

#endif
