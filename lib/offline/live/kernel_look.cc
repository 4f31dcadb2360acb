// SPDX-License-Identifier: Apache-2.0
#include "offline/live/kernel_look.h"

namespace tcpinfo::offline {
namespace {

/// Connections, as ss -t shows them: not what waits, listens or is closed, unless asked for.
std::uint32_t states_of(const filter_options& wanted) {
  // "all" is more than a kernel can be asked for: archives may hold states that it has not.
  if (wanted.states != 0) return wanted.states & all_states;
  std::uint32_t states = 0;
  for (const tcp_state s :
       {tcp_state::established, tcp_state::syn_sent, tcp_state::fin_wait1, tcp_state::fin_wait2,
        tcp_state::close_wait, tcp_state::last_ack, tcp_state::closing})
    states |= state_bit(s);
  return states;
}

// The UUIDs are asked for by the cookies at their ends.
filter_options ends_alone(filter_options wanted) {
  wanted.uuids = {};
  return wanted;
}

}  // namespace

kernel_look::kernel_look(const filter_options& wanted)
    : wanted_(wanted), any_(wanted.states != 0), filter_(ends_alone(wanted)) {
  request_.states = states_of(wanted);
  request_.extensions = all_extensions;
}

bool kernel_look::wants(const message& m) const {
  const socket_id id = m.id();
  // Without a remote end it is no connection; shown where its state was asked for.
  if (!any_ && (id.dport == 0 || id.dst.is_unspecified())) return false;
  if (!wanted_.uuids.empty() && !wanted_.uuids.holds_cookie(id.cookie)) return false;
  return filter_.wants_connection({}, id);
}

std::error_code kernel_look::look(const std::function<void(const message&)>& see) {
  return kernel_.dump(request_, [&](const message& m) {
    ++counts_.seen;
    if (!wants(m)) return;
    ++counts_.passed;
    see(m);
  });
}

}  // namespace tcpinfo::offline
