// SPDX-License-Identifier: Apache-2.0
//
// Messages of a machine of the other byte order, as this machine would have had them.
#ifndef TCPINFO_OFFLINE_INPUTS_CAPTURES_BYTE_ORDER_H
#define TCPINFO_OFFLINE_INPUTS_CAPTURES_BYTE_ORDER_H

#include <tcpinfo/inetdiag.h>
#include <tcpinfo/tcp.h>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace tcpinfo::offline {

/// Which way a message is turned; the one undoes the other, bit for bit.
enum class turn : std::uint8_t {
  to_ours,    ///< a message of the other byte order becomes one of this machine's
  to_theirs,  ///< one of this machine's becomes one of the other byte order
};

/// Turns every field the tables know; ports and addresses are in network order everywhere.
/// Attribute headers must be in this machine's order and stay so (as record::view() makes them),
/// those inside ULP_INFO are turned. Attributes of unknown type stay as they are, and so does a
/// field of which the payload has a part only.
/// @return a view of `out`, which is replaced.
[[nodiscard]] message turn_byte_order(const message& m, info_layout layout,
                                      std::vector<std::byte>& out, turn way = turn::to_ours);

/// A message of a kernel of the other byte order, as it came out of netlink, attribute headers
/// included, becomes one of this machine's. What comes after a malformed attribute stays as it is.
/// @return a view of `out`, which is replaced.
[[nodiscard]] message turn_kernel_message(const message& m, info_layout layout,
                                          std::vector<std::byte>& out);

}  // namespace tcpinfo::offline

#endif
