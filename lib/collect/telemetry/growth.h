// SPDX-License-Identifier: Apache-2.0
//
// The gain of totals that only grow.
#ifndef TCPINFO_COLLECT_TELEMETRY_GROWTH_H
#define TCPINFO_COLLECT_TELEMETRY_GROWTH_H

#include <cstdint>

namespace tcpinfo::collect {

/// How much a total has grown since `last`, which becomes `now`. The total of a socket that is used
/// again begins anew.
inline std::uint64_t growth_of(std::uint64_t& last, std::uint64_t now) noexcept {
  const std::uint64_t by = now >= last ? now - last : now;
  last = now;
  return by;
}

}  // namespace tcpinfo::collect

#endif
