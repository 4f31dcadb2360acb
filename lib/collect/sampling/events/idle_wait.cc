// SPDX-License-Identifier: Apache-2.0
#include "collect/sampling/events/idle_wait.h"

#include <sys/epoll.h>

#include <utility>

namespace tcpinfo::collect {
namespace {

bool control(const collect::descriptor& any, int operation, int fd, std::uint32_t events) noexcept {
  epoll_event watch{.events = events, .data = {.fd = fd}};
  return ::epoll_ctl(any.get(), operation, fd, &watch) == 0;
}

}  // namespace

void idle_wait::open(int ends, int reconciler) {
  if (feed_.descriptor() < 0) return;
  collect::descriptor any(::epoll_create1(EPOLL_CLOEXEC));
  const auto add = [&any](int fd, std::uint32_t events) {
    return control(any, EPOLL_CTL_ADD, fd, events);
  };
  if (!any || !add(feed_.descriptor(), 0)) return;
  if (ends >= 0 && !add(ends, EPOLLIN)) return;
  if (reconciler >= 0 && !add(reconciler, 0)) return;
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
  const auto set = [&](int fd) { return control(any_, EPOLL_CTL_MOD, fd, events); };
  return set(feed_.descriptor()) && (reconciler_ < 0 || set(reconciler_));
}

}  // namespace tcpinfo::collect
