// SPDX-License-Identifier: Apache-2.0
//
// Opening sockets in another network namespace than the caller's.
#ifndef TCPINFO_C_IN_NETNS_H
#define TCPINFO_C_IN_NETNS_H

#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include <system_error>
#include <utility>

#include "common/errno_of.h"

namespace tcpinfo::inline v0 {

/// Calls `fn`, which returns an error_code, with the calling thread in the network namespace behind
/// `netns`; -1: where it is. A socket stays in the namespace that it was opened in.
template <class F>
[[nodiscard]] std::error_code in_netns(int netns, F&& fn) noexcept {
  if (netns < 0) return std::forward<F>(fn)();
  const int home = ::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
  if (home < 0) return last_error();
  std::error_code ec;
  if (::setns(netns, CLONE_NEWNET) != 0) {
    ec = last_error();
  } else {
    ec = std::forward<F>(fn)();
    // Not seen to fail after the way out has not. The caller is told: its thread is elsewhere then.
    if (::setns(home, CLONE_NEWNET) != 0) ec = last_error();
  }
  ::close(home);
  return ec;
}

}  // namespace tcpinfo::inline v0

#endif
