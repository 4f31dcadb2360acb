// SPDX-License-Identifier: Apache-2.0
//
/// @file
/// The states of a TCP connection. Source: <net/tcp_states.h>. For names see tcp.h.
#ifndef TCPINFO_TCP_STATE_H
#define TCPINFO_TCP_STATE_H

#include <concepts>
#include <cstdint>

#include <tcpinfo/export.h>

namespace tcpinfo::inline v0 {

/// TCP states as the kernel numbers them. A number not named here is a newer kernel's and is kept
/// as it is.
enum class tcp_state : std::uint8_t {
  established = 1,      ///< both ends may send
  syn_sent = 2,         ///< connecting: SYN sent
  syn_recv = 3,         ///< being connected to: SYN received
  fin_wait1 = 4,        ///< closed here, the FIN not acknowledged yet
  fin_wait2 = 5,        ///< closed here, the peer may still send
  time_wait = 6,        ///< closed by both, kept for late segments
  close = 7,            ///< not connected, or at its end
  close_wait = 8,       ///< closed by the peer, not here yet
  last_ack = 9,         ///< closed by both, the FIN sent last not acknowledged yet
  listen = 10,          ///< waits for connections
  closing = 11,         ///< closed by both at once
  new_syn_recv = 12,    ///< a half-open connection of a listener; dumps report it as syn_recv
  bound_inactive = 13,  ///< bound, neither listening nor connected; asked for since 6.8, and
                        ///< reported as close
};

/// Compares with a number, as a snapshot or another program has it.
template <std::same_as<std::uint8_t> Number>
[[nodiscard]] constexpr bool operator==(Number number, tcp_state state) noexcept {
  return number == static_cast<std::uint8_t>(state);
}

/// The bit of a state in dump_request::states; 0 of a number above 31, which no request can ask
/// for.
[[nodiscard]] constexpr std::uint32_t state_bit(tcp_state state) noexcept {
  const auto number = static_cast<unsigned>(state);
  return number < 32 ? std::uint32_t{1} << number : 0;
}

}  // namespace tcpinfo::inline v0

#endif
