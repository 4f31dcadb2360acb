// SPDX-License-Identifier: Apache-2.0
//
// The addresses of this network namespace, by rtnetlink (libnl-route).
#ifndef TCPINFO_COLLECT_OS_LINUX_ADDRESSES_H
#define TCPINFO_COLLECT_OS_LINUX_ADDRESSES_H

#include <memory>
#include <system_error>

#include "collect/os/os.h"

namespace tcpinfo::collect {

/// @return the errno of opening rtnetlink, EIO where libnl tells none.
[[nodiscard]] std::error_code make_address_watch(std::unique_ptr<address_watch>& out);

}  // namespace tcpinfo::collect

#endif
