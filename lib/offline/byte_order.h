// SPDX-License-Identifier: Apache-2.0
//
// Messages of a machine of the other byte order, as this machine would have had them.
#ifndef TCPINFO_OFFLINE_BYTE_ORDER_H
#define TCPINFO_OFFLINE_BYTE_ORDER_H

#include <tcpinfo/inetdiag.h>
#include <tcpinfo/tcp.h>

#include <cstddef>
#include <vector>

namespace tcpinfo::offline {

/// Turns every field the tables know; ports and addresses are in network order everywhere.
/// Attribute headers must be in this machine's order (as record::view() makes them), those inside
/// ULP_INFO are turned. Attributes of unknown type stay as they are.
/// @return a view of `out`, which is replaced.
[[nodiscard]] message turn_byte_order(const message& m, info_layout layout,
                                      std::vector<std::byte>& out);

}  // namespace tcpinfo::offline

#endif
