// SPDX-License-Identifier: Apache-2.0
#include "tcpinfo-dump/interfaces.h"

#include <netlink/route/link.h>

namespace tcpinfo::tools {

interfaces::interfaces() {
  nl_sock* socket = nl_socket_alloc();
  if (socket == nullptr) return;
  if (nl_connect(socket, NETLINK_ROUTE) == 0)
    (void)rtnl_link_alloc_cache(socket, AF_UNSPEC, &links_);
  nl_socket_free(socket);
}

interfaces::~interfaces() {
  if (links_ != nullptr) nl_cache_free(links_);
}

std::optional<std::uint32_t> interfaces::index(const std::string& name) const {
  const int found = links_ == nullptr ? 0 : rtnl_link_name2i(links_, name.c_str());
  return found == 0 ? std::nullopt : std::optional(static_cast<std::uint32_t>(found));
}

std::string interfaces::name(std::uint32_t index) const {
  char text[64];
  if (links_ != nullptr &&
      rtnl_link_i2name(links_, static_cast<int>(index), text, sizeof text) != nullptr)
    return text;
  return std::to_string(index);
}

}  // namespace tcpinfo::tools
