// SPDX-License-Identifier: Apache-2.0
//
// Whether the kernel tells of the ends of sockets. Some sandboxes grant the multicast groups for it
// and are silent.
#ifndef TCPINFO_COLLECT_SAMPLING_ENDS_HEARD_H
#define TCPINFO_COLLECT_SAMPLING_ENDS_HEARD_H

#include <system_error>

namespace tcpinfo::collect {

/// Closes a bound socket of its own in the caller's network namespace and waits for the message
/// about its end, and so twice more, 5 s in all at most: a busy machine tells late. The caller
/// waits meanwhile. Where a socket cannot be made nothing is concluded. Takes no message from
/// anybody else's listener.
/// @return ETIMEDOUT where none came; why it cannot listen.
[[nodiscard]] std::error_code hear_an_end() noexcept;

}  // namespace tcpinfo::collect

#endif
