// SPDX-License-Identifier: Apache-2.0
//
// Ending early. Every run ends by itself; SIGTERM and SIGINT end it in good order.
#ifndef TCPINFO_TEST_LIVE_TRAFFIC_STOP_H
#define TCPINFO_TEST_LIVE_TRAFFIC_STOP_H

#include <atomic>
#include <csignal>

namespace traffic {

inline std::atomic<bool> stop_requested{false};
static_assert(std::atomic<bool>::is_always_lock_free, "it is set by a signal handler");

// Signals go to the main thread, which only waits: a connect() or accept() with a time limit would
// be broken off by one. Threads inherit the mask of their maker.
class signals_blocked {
 public:
  signals_blocked() {
    sigset_t both;
    sigemptyset(&both);
    sigaddset(&both, SIGTERM);
    sigaddset(&both, SIGINT);
    pthread_sigmask(SIG_BLOCK, &both, &before_);
  }
  ~signals_blocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  signals_blocked(const signals_blocked&) = delete;
  signals_blocked& operator=(const signals_blocked&) = delete;

 private:
  sigset_t before_{};
};

}  // namespace traffic

#endif
