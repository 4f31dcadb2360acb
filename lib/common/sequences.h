// SPDX-License-Identifier: Apache-2.0
//
// The sequences of a connection's archives over several runs of the collector.
#ifndef TCPINFO_COMMON_SEQUENCES_H
#define TCPINFO_COMMON_SEQUENCES_H

#include <cstdint>

namespace tcpinfo::inline v0 {

/// A connection that may be in segments of earlier runs goes on at the number of the run, times
/// this: what it has there need not be known for that.
inline constexpr std::uint64_t sequences_of_a_run = 1'000'000'000;

/// How many archives are missing between two of a connection, of which `after` has the next higher
/// sequence that is known.
[[nodiscard]] constexpr std::uint64_t missing_between(std::uint64_t before,
                                                      std::uint64_t after) noexcept {
  const std::uint64_t first = after - after % sequences_of_a_run;
  return before < first ? after - first : after - before - 1;
}

}  // namespace tcpinfo::inline v0

#endif
