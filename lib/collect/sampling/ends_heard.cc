// SPDX-License-Identifier: Apache-2.0
#include "collect/sampling/ends_heard.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <tcpinfo/inetdiag.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <span>

#include "collect/os/clock.h"
#include "collect/os/descriptor.h"
#include "collect/os/readiness.h"
#include "common/errno_of.h"

namespace tcpinfo::collect {
namespace {

// A busy machine tells late: each new socket is waited for longer, 5 s in all.
constexpr std::array<std::int64_t, 3> patience_ns = {1'000'000'000, 1'500'000'000, 2'500'000'000};
constexpr int so_cookie = 57;  // SO_COOKIE; older headers do not have it

// A socket that was bound, whose end is told as that of a connection is. None where that cannot be.
descriptor bound_socket(std::uint64_t& cookie) noexcept {
  for (const int family : {AF_INET, AF_INET6}) {
    descriptor made(::socket(family, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_TCP));
    if (!made) continue;
    // To every address and a free port: all zeros but for the family.
    sockaddr_in6 any{};
    any.sin6_family = static_cast<sa_family_t>(family);
    const auto* const name = static_cast<const sockaddr*>(static_cast<const void*>(&any));
    const socklen_t size = family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
    socklen_t cookie_size = sizeof cookie;
    if (::bind(made.get(), name, size) == 0 &&
        ::getsockopt(made.get(), SOL_SOCKET, so_cookie, &cookie, &cookie_size) == 0)
      return made;
  }
  return {};
}

// An end that was told too late for its own wait is as good in a later one.
bool hears(destroy_listener& events, std::span<const std::uint64_t> cookies,
           std::int64_t wait_ns) noexcept {
  const std::int64_t until_ns = clock_ns(CLOCK_MONOTONIC) + wait_ns;
  for (;;) {
    bool told = false;
    // An overflow is counted and no error: where so much is told, the kernel is not silent.
    const auto ec = events.receive([&](const message& m) noexcept {
      told = told || std::find(cookies.begin(), cookies.end(), m.cookie()) != cookies.end();
    });
    if (told || events.counter(dump_counter::overflows) > 0) return true;
    if (ec || clock_ns(CLOCK_MONOTONIC) >= until_ns) return false;
    std::array<pollfd, 1> watched{{{events.descriptor(), POLLIN, 0}}};
    (void)await_any(watched, until_ns);
  }
}

}  // namespace

std::error_code hear_an_end() noexcept {
  destroy_listener events;
  if (const auto ec = events.open()) return ec;
  std::array<std::uint64_t, patience_ns.size()> closed{};
  for (std::size_t i = 0; i < closed.size(); ++i) {
    descriptor one = bound_socket(closed[i]);
    if (!one) return {};
    one.reset();
    if (hears(events, std::span(closed).first(i + 1), patience_ns[i])) return {};
  }
  return system_error(ETIMEDOUT);
}

}  // namespace tcpinfo::collect
