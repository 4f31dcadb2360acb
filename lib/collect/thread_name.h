// SPDX-License-Identifier: Apache-2.0
//
// Names of threads, as `top -H` and /proc/PID/task/TID/comm show them: an operator sees which part
// of the collector works.
#ifndef TCPINFO_COLLECT_THREAD_NAME_H
#define TCPINFO_COLLECT_THREAD_NAME_H

#include <pthread.h>

#include <cstddef>

namespace tcpinfo::collect {

/// Names the calling thread. The kernel takes 15 characters.
template <std::size_t N>
void name_this_thread(const char (&name)[N]) noexcept {
  static_assert(N <= 16);
  // It fails where the name is too long, and never here.
  (void)pthread_setname_np(pthread_self(), name);
}

}  // namespace tcpinfo::collect

#endif
