// SPDX-License-Identifier: Apache-2.0
#include "inetdiag/in_netns.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>

#include "common/errno_of.h"

namespace tcpinfo::inline v0 {
namespace {

struct errand {
  int netns;
  netns_task task;
  void* user;
  std::error_code result;
};

void* run(void* user) noexcept {
  auto& todo = *static_cast<errand*>(user);
  todo.result = setns(todo.netns, CLONE_NEWNET) == 0 ? todo.task(todo.user) : last_error();
  return nullptr;
}

}  // namespace

std::error_code in_netns(int netns, netns_task task, void* user) noexcept {
  errand todo{netns, task, user, {}};
  // The program's signals are for its own threads.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  pthread_t thread{};
  const int error = pthread_create(&thread, nullptr, run, &todo);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (error != 0) return system_error(error);
  pthread_join(thread, nullptr);
  return todo.result;
}

}  // namespace tcpinfo::inline v0
