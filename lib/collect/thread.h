// SPDX-License-Identifier: Apache-2.0
//
// Names of threads, as `top -H` and /proc/PID/task/TID/comm show them: an operator sees which part
// of the collector works. And who goes first, and last.
#ifndef TCPINFO_COLLECT_THREAD_H
#define TCPINFO_COLLECT_THREAD_H

#include <pthread.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>

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

/// For what has to be in time. Only where the privilege is there (CAP_SYS_NICE); threads that are
/// started later inherit it.
/// @param brief whether it is done in a few milliseconds: then it goes before more of the others,
/// and is not interrupted by them in the middle (Linux 6.12 and later).
inline void go_first(bool brief) {
  if (!has_capability(capability::sys_nice)) return;
  const int early = brief ? -15 : -10;
  (void)::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), early);
  if (!brief) return;
  // sched_setattr(2): its first version, for which glibc had no declaration for long. The runtime
  // of SCHED_OTHER is how long the scheduler lets a thread run on; before 6.12 it means nothing.
  struct {
    std::uint32_t size = 48;
    std::uint32_t policy = SCHED_OTHER;
    std::uint64_t flags = 0;
    std::int32_t nice = 0;
    std::uint32_t priority = 0;
    std::uint64_t runtime_ns = 10'000'000;
    std::uint64_t deadline_ns = 0;
    std::uint64_t period_ns = 0;
  } attributes;
  attributes.nice = early;
  (void)::syscall(SYS_sched_setattr, 0, &attributes, 0U);
}

}  // namespace tcpinfo::collect

#endif
