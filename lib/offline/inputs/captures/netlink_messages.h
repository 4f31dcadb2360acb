// SPDX-License-Identifier: Apache-2.0
//
// Netlink messages of sock_diag, one after the other in a datagram.
#ifndef TCPINFO_OFFLINE_INPUTS_CAPTURES_NETLINK_MESSAGES_H
#define TCPINFO_OFFLINE_INPUTS_CAPTURES_NETLINK_MESSAGES_H

#include <tcpinfo/inetdiag.h>

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace tcpinfo::offline {

inline constexpr std::size_t netlink_header_size = 16;

/// Which way a netlink message went, and what it holds.
enum class message_kind : std::uint8_t {
  response,  ///< sock_diag (type 20 or 18) from the kernel: inet_diag_msg and attributes
  request,   ///< sock_diag to the kernel (NLM_F_REQUEST is set)
  destroy,   ///< SOCK_DESTROY, either way
  done,      ///< the end of a dump
  error,     ///< an error or an acknowledgement
  other,
};

/// One netlink message. A view into whatever it was read from.
struct netlink_message {
  message_kind kind = message_kind::other;
  std::uint16_t type = 0;
  std::uint16_t flags = 0;
  std::uint32_t sequence = 0;
  std::uint32_t port = 0;
  bytes_view payload;        ///< without the netlink header; for a response, an inet_diag message
  bool other_order = false;  ///< payload is in the other byte order; all else here is in ours
  bool has_time = false;     ///< bare messages have none
  std::int64_t time_ns = 0;  ///< of capture, since 1970 UTC
};

/// What is wrong with a message.
inline constexpr std::string_view bad_message_length = "netlink message length out of bounds";
inline constexpr std::string_view short_message =
    "sock_diag answer shorter than struct inet_diag_msg";

/// Where a message begins: its length and type in this machine's byte order.
struct message_start {
  std::uint32_t length = 0;
  std::uint16_t type = 0;
  bool other_order = false;
};
/// Reads them of a header, 16 bytes, of a message that has no more than `most` bytes. Types are
/// below 256: where one is not, and would be in the other byte order, so is the length.
[[nodiscard]] message_start start_of_message(const std::byte* header, std::size_t most) noexcept;
[[nodiscard]] constexpr bool is_plausible_length(std::uint32_t length, std::size_t most) noexcept {
  return length >= netlink_header_size && length <= most;
}

/// Takes apart a message that is here as a whole. @return what is wrong with it; empty: nothing.
[[nodiscard]] std::string_view parse_message(bytes_view whole, const message_start& start,
                                             netlink_message& out) noexcept;

}  // namespace tcpinfo::offline

#endif
