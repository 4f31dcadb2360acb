// SPDX-License-Identifier: Apache-2.0
#include "collect/owners/owner.h"

namespace tcpinfo::collect {

std::string_view owner_found_name(owner_found how) noexcept {
  switch (how) {
    case owner_found::nowhere:
      return {};
    case owner_found::connect:
      return "connect";
    case owner_found::accept:
      return "accept";
    case owner_found::io:
      return "io";
    case owner_found::listener:
      return "listener";
    case owner_found::iter:
      return "iter";
    case owner_found::proc:
      return "proc";
    case owner_found::cgroup_id:
      return "cgroup-id";
  }
  return {};
}

}  // namespace tcpinfo::collect
