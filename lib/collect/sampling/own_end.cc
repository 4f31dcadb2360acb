// SPDX-License-Identifier: Apache-2.0
#include "collect/sampling/own_end.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include "collect/os/descriptor.h"

namespace tcpinfo::collect {

bool end_own_socket() noexcept {
  for (const int family : {AF_INET, AF_INET6}) {
    const descriptor made(::socket(family, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_TCP));
    if (!made) continue;
    // To every address and a free port: all zeros but for the family.
    sockaddr_in6 any{};
    any.sin6_family = static_cast<sa_family_t>(family);
    const auto* const name = static_cast<const sockaddr*>(static_cast<const void*>(&any));
    const socklen_t size = family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
    if (::bind(made.get(), name, size) == 0) return true;
  }
  return false;
}

}  // namespace tcpinfo::collect
