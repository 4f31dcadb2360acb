// SPDX-License-Identifier: Apache-2.0
//
// An end of the collector's own, which shows whether the kernel tells of ends. Some sandboxes grant
// the multicast groups for it and are silent.
#ifndef TCPINFO_COLLECT_SAMPLING_OWN_END_H
#define TCPINFO_COLLECT_SAMPLING_OWN_END_H

namespace tcpinfo::collect {

/// Makes a bound socket in the caller's network namespace and closes it. The kernel tells of its
/// end as of a connection's: those who listen hear of it within milliseconds, on a busy machine
/// within seconds. Does not wait.
/// @return false where there can be no such socket: then there is no end either.
[[nodiscard]] bool end_own_socket() noexcept;

}  // namespace tcpinfo::collect

#endif
