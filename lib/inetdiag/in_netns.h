// SPDX-License-Identifier: Apache-2.0
//
// Does something in another network namespace without the calling thread leaving its own.
#ifndef TCPINFO_INETDIAG_IN_NETNS_H
#define TCPINFO_INETDIAG_IN_NETNS_H

#include <system_error>

namespace tcpinfo::inline v0 {

/// What is done there, on a thread of its own.
using netns_task = std::error_code (*)(void* user) noexcept;

/// Runs `task` in the network namespace of the descriptor `netns`, and waits for it. A thread that
/// enters a namespace may not be allowed to return to its own (that of a user namespace above), so
/// another one enters it, which then ends. It receives no signals.
/// @return what the task does; the errno of pthread_create(3) or setns(2).
[[nodiscard]] std::error_code in_netns(int netns, netns_task task, void* user) noexcept;

}  // namespace tcpinfo::inline v0

#endif
