// SPDX-License-Identifier: Apache-2.0
#include "collect/sampling/events/idle_wait.h"

#include <sys/epoll.h>

#include <utility>

namespace tcpinfo::collect {

void idle_wait::open(int ends, int reconciler) {
  if (feed_.descriptor() < 0) return;
  wait_set any;
  if (any.open() || any.add(feed_.descriptor(), 0)) return;
  if (ends >= 0 && any.add(ends, EPOLLIN)) return;
  if (reconciler >= 0 && any.add(reconciler, 0)) return;
  any_ = std::move(any);
  reconciler_ = reconciler;
}

bool idle_wait::begin() noexcept {
  feed_.wake_on_next(true);
  on_ = true;
  if (watch(EPOLLIN)) return true;
  end();
  return false;
}

void idle_wait::end() noexcept {
  if (!std::exchange(on_, false)) return;
  feed_.wake_on_next(false);
  (void)watch(0);
}

// Activity and the reconciler's results stay until a poll takes them, which may be a while where
// polls dump. Outside a wait they must not make the descriptor readable: the sampler would spin.
bool idle_wait::watch(std::uint32_t events) noexcept {
  return !any_.change(feed_.descriptor(), events) &&
         (reconciler_ < 0 || !any_.change(reconciler_, events));
}

}  // namespace tcpinfo::collect
