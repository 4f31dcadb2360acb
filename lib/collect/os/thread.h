// SPDX-License-Identifier: Apache-2.0
//
// Names of threads, as `top -H` and /proc/PID/task/TID/comm show them: an operator sees which part
// of the collector works. And who goes first, and last.
#ifndef TCPINFO_COLLECT_OS_THREAD_H
#define TCPINFO_COLLECT_OS_THREAD_H

#include <pthread.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <new>
#include <system_error>
#include <thread>
#include <utility>

#include "collect/os/capabilities.h"
#include "common/errno_of.h"

namespace tcpinfo::collect {

/// Names the calling thread. The kernel takes 15 characters.
template <std::size_t N>
void name_this_thread(const char (&name)[N]) noexcept {
  static_assert(N <= 16);
  // It fails where the name is too long, and never here.
  (void)pthread_setname_np(pthread_self(), name);
}

/// Starts a thread where `out` has none.
/// @return why it cannot be had: EAGAIN where a limit on processes or threads is reached
/// (RLIMIT_NPROC, a pids cgroup), ENOMEM.
template <class Body>
[[nodiscard]] std::error_code start_thread(Body&& body, std::thread& out) noexcept {
  try {
    out = std::thread(std::forward<Body>(body));
    return {};
  } catch (const std::system_error& e) {
    return e.code();
  } catch (const std::bad_alloc&) {
    return system_error(ENOMEM);
  }
}

// Linux keeps priorities for each thread.

/// Lets every other thread go first. Always allowed.
inline void step_back() noexcept {
  constexpr int last = 19;
  (void)::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), last);
}

/// How many times as long as a look at many files took such a thread rests behind it: it may take a
/// twentieth of a processor.
inline constexpr int rest_for_each_look = 20;

// Of sched_setattr(2), its first version: for long glibc had no declaration.
struct scheduling {
  std::uint32_t size = 48;
  std::uint32_t policy = SCHED_OTHER;
  std::uint64_t flags = 0;
  std::int32_t nice = 0;
  std::uint32_t priority = 0;
  std::uint64_t runtime_ns = 0;  // of SCHED_OTHER: how long it runs on (Linux 6.12)
  std::uint64_t deadline_ns = 0;
  std::uint64_t period_ns = 0;
};
inline void schedule_this_thread(scheduling how) noexcept {
  (void)::syscall(SYS_sched_setattr, 0, &how, 0U);
}

constexpr scheduling brief_and_early{.nice = -15, .runtime_ns = 10'000'000};

/// For what has to be in time. Only where the privilege is there (CAP_SYS_NICE); threads that are
/// started later inherit it.
/// @param brief whether it is done in a few milliseconds: then it goes before more of the others,
/// and is not interrupted by them in the middle (Linux 6.12 and later).
inline void go_first(bool brief) {
  if (!has_capability(capability::sys_nice)) return;
  const int early = brief ? brief_and_early.nice : -10;
  (void)::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), early);
  if (brief) schedule_this_thread(brief_and_early);
}

/// An urgent thread goes before all others (SCHED_RR, of the lowest priority): a processor belongs
/// to it as long as it runs. One that is urgent no more is as after go_first(true). Only with
/// CAP_SYS_NICE; where real time is not allowed all the same nothing changes. Threads that are
/// started later do not inherit it.
inline void be_urgent(bool urgent) noexcept {
  constexpr std::uint64_t reset_on_fork = 1;  // SCHED_FLAG_RESET_ON_FORK
  schedule_this_thread(urgent
                           ? scheduling{.policy = SCHED_RR, .flags = reset_on_fork, .priority = 1}
                           : brief_and_early);
}

}  // namespace tcpinfo::collect

#endif
