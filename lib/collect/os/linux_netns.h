// SPDX-License-Identifier: Apache-2.0
#ifndef TCPINFO_COLLECT_OS_LINUX_NETNS_H
#define TCPINFO_COLLECT_OS_LINUX_NETNS_H

#include <memory>
#include <string>
#include <system_error>
#include <vector>

#include "collect/os/netns.h"

namespace tcpinfo::collect {

/// Names are looked up in /run/netns; `all` looks there and at the host's processes. Follows
/// mounts, so that a namespace of `ip netns add` is noticed at once.
[[nodiscard]] std::unique_ptr<netns_finder> make_netns_finder(
    const std::vector<std::string>& wanted);

/// Moves the calling thread there for good. ESTALE where the path stands for another one by now.
[[nodiscard]] std::error_code enter_netns_of(const found_netns& where) noexcept;

}  // namespace tcpinfo::collect

#endif
