// SPDX-License-Identifier: Apache-2.0
//
// Names of threads, as `top -H` and /proc/PID/task/TID/comm show them: an operator sees which part
// of the collector works. And who goes first, and last.
#ifndef TCPINFO_COLLECT_THREAD_H
#define TCPINFO_COLLECT_THREAD_H

#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstddef>

#include "collect/capabilities.h"

namespace tcpinfo::collect {

/// Names the calling thread. The kernel takes 15 characters.
template <std::size_t N>
void name_this_thread(const char (&name)[N]) noexcept {
  static_assert(N <= 16);
  // It fails where the name is too long, and never here.
  (void)pthread_setname_np(pthread_self(), name);
}

// Linux keeps priorities for each thread.

/// Lets every other thread go first. Always allowed.
inline void step_back() noexcept {
  constexpr int last = 19;
  (void)::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), last);
}

/// For what is short and has to be in time. Only where the privilege is there (CAP_SYS_NICE);
/// threads that are started later inherit it.
inline void go_first() {
  constexpr int early = -10;
  if (has_capability(capability::sys_nice))
    (void)::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), early);
}

}  // namespace tcpinfo::collect

#endif
