// SPDX-License-Identifier: Apache-2.0
//
// Lets a flow table fetch from memory what is compared soon: for a collector that queries sockets
// in no order. Not installed.
#ifndef TCPINFO_INCLUDE_INTERNAL_TCPINFO_INTERNAL_EXPECTED_FLOW_H
#define TCPINFO_INCLUDE_INTERNAL_TCPINFO_INTERNAL_EXPECTED_FLOW_H

#include <cstdint>

#include <tcpinfo/cache.h>

namespace tcpinfo::inline v0 {

/// What of a flow table only its library and its collector may reach.
struct flow_table_internal {
  static void expect(const flow_table& table, std::uint64_t cookie) noexcept;
};

/// A message of that cookie is to be compared soon: what is kept of it is fetched from memory
/// meanwhile, in two steps, the second when four others have been named. For messages that come in
/// no order, best named eight ahead; dumps are expected without. The table's thread.
inline void expect_flow(const flow_table& table, std::uint64_t cookie) noexcept {
  flow_table_internal::expect(table, cookie);
}

}  // namespace tcpinfo::inline v0

#endif
