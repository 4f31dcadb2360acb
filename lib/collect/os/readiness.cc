// SPDX-License-Identifier: Apache-2.0
#include "collect/os/readiness.h"

#include <algorithm>
#include <ctime>

#include "collect/os/clock.h"
#include "common/errno_of.h"
#include "common/time_units.h"

namespace tcpinfo::collect {
namespace {

bool is_ready(int fd, short events) noexcept {
  pollfd watched{fd, events, 0};
  return ::poll(&watched, 1, 0) > 0;
}

}  // namespace

bool is_readable(int fd) noexcept { return is_ready(fd, POLLIN); }

bool is_writable(int fd) noexcept { return is_ready(fd, POLLOUT); }

void await_writable(int fd) noexcept {
  pollfd watched{fd, POLLOUT, 0};
  (void)::poll(&watched, 1, -1);
}

int await_any(std::span<pollfd> watched, std::int64_t until_ns) noexcept {
  timespec timeout{};
  if (until_ns != no_deadline) {
    const std::int64_t left = std::max<std::int64_t>(until_ns - clock_ns(CLOCK_MONOTONIC), 0);
    timeout = {left / ns_a_second, left % ns_a_second};
  }
  return ::ppoll(watched.data(), watched.size(), until_ns == no_deadline ? nullptr : &timeout,
                 nullptr);
}

std::error_code wait_set::open() noexcept {
  epoll_.reset(::epoll_create1(EPOLL_CLOEXEC));
  return epoll_ ? std::error_code{} : last_error();
}

std::error_code wait_set::control(int operation, int fd, std::uint32_t events) noexcept {
  epoll_event watch{};
  watch.events = events;
  watch.data.fd = fd;
  return ::epoll_ctl(epoll_.get(), operation, fd, &watch) == 0 ? std::error_code{} : last_error();
}

std::error_code wait_set::add(int fd, std::uint32_t events) noexcept {
  return control(EPOLL_CTL_ADD, fd, events);
}

std::error_code wait_set::change(int fd, std::uint32_t events) noexcept {
  return control(EPOLL_CTL_MOD, fd, events);
}

void wait_set::remove(int fd) noexcept {
  (void)::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
}

std::span<const wait_set::ready> wait_set::wait(int timeout_ms) noexcept {
  std::array<epoll_event, std::tuple_size_v<decltype(found_)>> events;
  const int n =
      ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), timeout_ms);
  const auto count = static_cast<std::size_t>(std::max(n, 0));
  for (std::size_t i = 0; i < count; ++i) found_[i] = {events[i].data.fd, events[i].events};
  return std::span(found_).first(count);
}

}  // namespace tcpinfo::collect
