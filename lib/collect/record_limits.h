// SPDX-License-Identifier: Apache-2.0
//
// What the operator wants left out of what is recorded, though it is seen: by policy, and never in
// silence.
#ifndef TCPINFO_COLLECT_RECORD_LIMITS_H
#define TCPINFO_COLLECT_RECORD_LIMITS_H

#include <cstdint>
#include <string>
#include <vector>

namespace tcpinfo::collect {

struct record_limits {
  std::uint64_t sample = 1;  ///< one connection in so many is recorded
  /// Behind a connection's first minute one record in this time, beside those that matter by
  /// themselves; 0 = all.
  std::int64_t thin_ns = 0;
  /// Local or remote ports of connections of which the final record alone is kept.
  std::vector<std::uint16_t> finals_only;
};

/// Which of them apply to a connection, as its metadata records say it (metadata::policy); empty
/// where none does. May throw std::bad_alloc.
/// @param finals_only whether the connection has one of those ports
[[nodiscard]] std::string policy_text(const record_limits& limits, bool finals_only);

}  // namespace tcpinfo::collect

#endif
