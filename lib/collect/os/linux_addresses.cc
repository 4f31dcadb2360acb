// SPDX-License-Identifier: Apache-2.0
#include "collect/os/linux_addresses.h"

#include <netlink/errno.h>
#include <netlink/netlink.h>
#include <netlink/route/addr.h>

#include <cerrno>
#include <cstring>
#include <new>
#include <utility>

#include "collect/os/readiness.h"
#include "common/errno_of.h"

namespace tcpinfo::collect {
namespace {

// libnl has its own numbers, and keeps no errno.
std::error_code from_libnl(int error) noexcept {
  switch (-error) {
    case NLE_NOMEM:
      return system_error(ENOMEM);
    case NLE_PERM:
    case NLE_NOACCESS:
      return system_error(EPERM);
    default:
      return system_error(EIO);
  }
}

using socket_ptr = std::unique_ptr<nl_sock, void (*)(nl_sock*)>;

class libnl_watch final : public address_watch {
 public:
  [[nodiscard]] std::error_code open() {
    if (!events_ || !queries_) return system_error(ENOMEM);
    nl_socket_disable_seq_check(events_.get());
    if (const int r = nl_socket_modify_cb(events_.get(), NL_CB_VALID, NL_CB_CUSTOM, &note, this);
        r < 0)
      return from_libnl(r);
    if (const int r = nl_connect(events_.get(), NETLINK_ROUTE); r < 0) return from_libnl(r);
    if (const int r = nl_socket_add_memberships(events_.get(), RTNLGRP_IPV4_IFADDR,
                                                RTNLGRP_IPV6_IFADDR, RTNLGRP_NONE);
        r < 0)
      return from_libnl(r);
    if (const int r = nl_socket_set_nonblocking(events_.get()); r < 0) return from_libnl(r);
    if (const int r = nl_connect(queries_.get(), NETLINK_ROUTE); r < 0) return from_libnl(r);
    return {};
  }

  bool changed() noexcept override {
    // Asked once a record: libnl would allocate before it finds that there is nothing.
    if (!changed_ && !is_readable(nl_socket_get_fd(events_.get()))) return false;
    // Any error but "nothing there" may have cost us an event: then it has changed, too.
    for (;;) {
      const int r = nl_recvmsgs_default(events_.get());
      if (r == -NLE_AGAIN) break;
      changed_ = true;
      if (r < 0) break;
    }
    return std::exchange(changed_, false);
  }

  std::error_code read(std::vector<ip_address>& out) noexcept override {
    std::error_code ec;
    try {
      ec = try_read(out);
    } catch (const std::bad_alloc&) {
      ec = system_error(ENOMEM);
    }
    if (ec) changed_ = true;
    return ec;
  }

 private:
  std::error_code try_read(std::vector<ip_address>& out) {
    nl_cache* all = nullptr;
    if (const int r = rtnl_addr_alloc_cache(queries_.get(), &all); r < 0) return from_libnl(r);
    const std::unique_ptr<nl_cache, void (*)(nl_cache*)> owned(all, &nl_cache_free);
    std::vector<ip_address> found;
    for (nl_object* at = nl_cache_get_first(all); at != nullptr; at = nl_cache_get_next(at)) {
      const nl_addr* local = rtnl_addr_get_local(reinterpret_cast<rtnl_addr*>(at));
      if (local == nullptr) continue;
      ip_address address;
      const unsigned size = nl_addr_get_len(local);
      if (size != 4 && size != 16) continue;
      address.family = size == 4 ? address_family::ipv4 : address_family::ipv6;
      std::memcpy(address.bytes.data(), nl_addr_get_binary_addr(local), size);
      found.push_back(address);
    }
    out = std::move(found);
    return {};
  }
  static int note(nl_msg*, void* self) noexcept {
    static_cast<libnl_watch*>(self)->changed_ = true;
    return NL_OK;
  }

  socket_ptr events_{nl_socket_alloc(), &nl_socket_free};
  socket_ptr queries_{nl_socket_alloc(), &nl_socket_free};
  bool changed_ = true;
};

}  // namespace

std::error_code make_address_watch(std::unique_ptr<address_watch>& out) {
  auto made = std::make_unique<libnl_watch>();
  if (const auto ec = made->open()) return ec;
  out = std::move(made);
  return {};
}

}  // namespace tcpinfo::collect
