// SPDX-License-Identifier: Apache-2.0
#ifndef TCPINFO_COLLECT_SAMPLING_CONNECTION_STATES_H
#define TCPINFO_COLLECT_SAMPLING_CONNECTION_STATES_H

#include <tcpinfo/tcp.h>

#include <cstdint>

namespace tcpinfo::collect {

/// Every state of a connection. Left out: listeners, sockets not connected, half-open ones of the
/// server's side (a flood of them is no traffic; those that complete appear as ESTABLISHED with the
/// same cookie), and time-wait mini sockets, which say nothing (the final counters come with the
/// destroy event). FIN_WAIT2 mini sockets come all the same: the kernel matches their substate.
inline constexpr std::uint32_t connection_states =
    state_bit(tcp_state::established) | state_bit(tcp_state::syn_sent) |
    state_bit(tcp_state::fin_wait1) | state_bit(tcp_state::fin_wait2) |
    state_bit(tcp_state::close_wait) | state_bit(tcp_state::last_ack) |
    state_bit(tcp_state::closing);

}  // namespace tcpinfo::collect

#endif
