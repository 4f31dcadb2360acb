// SPDX-License-Identifier: Apache-2.0
#include "collect/sampling/ends_heard.h"

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <tcpinfo/inetdiag.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>

#include "collect/os/descriptor.h"
#include "common/errno_of.h"

namespace tcpinfo::collect {
namespace {

using clock = std::chrono::steady_clock;

constexpr int tries = 2;
constexpr auto patience = std::chrono::seconds(1);
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

bool hears(destroy_listener& events, std::uint64_t cookie) noexcept {
  const auto until = clock::now() + patience;
  for (;;) {
    bool told = false;
    // An overflow is counted and no error: where so much is told, the kernel is not silent.
    const auto ec =
        events.receive([&](const message& m) noexcept { told = told || m.cookie() == cookie; });
    if (told || events.counter(dump_counter::overflows) > 0) return true;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - clock::now());
    if (ec || left.count() <= 0) return false;
    pollfd watched{events.descriptor(), POLLIN, 0};
    (void)::poll(&watched, 1, static_cast<int>(left.count()));
  }
}

}  // namespace

std::error_code hear_an_end() noexcept {
  destroy_listener events;
  if (const auto ec = events.open(0)) return ec;
  for (int i = 0; i < tries; ++i) {
    std::uint64_t cookie = 0;
    descriptor one = bound_socket(cookie);
    if (!one) return {};
    one.reset();
    if (hears(events, cookie)) return {};
  }
  return system_error(ETIMEDOUT);
}

}  // namespace tcpinfo::collect
