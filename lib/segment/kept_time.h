// SPDX-License-Identifier: Apache-2.0
//
// Times that a segment keeps as numbers: in UTC, whole nanoseconds within 64 bits.
#ifndef TCPINFO_SEGMENT_KEPT_TIME_H
#define TCPINFO_SEGMENT_KEPT_TIME_H

#include <cstdint>
#include <limits>

#include <tcpinfo/archive.h>

#include "common/time_units.h"

namespace tcpinfo::inline v0::segment_format {

/// @return whether it can be kept: `ns` is set then.
[[nodiscard]] inline bool to_kept_time(const timestamp& t, std::int64_t& ns) noexcept {
  const auto known = t.unix_nanoseconds();
  if (!known || t.utc_offset_seconds != 0 || t.nanoseconds >= ns_a_second) return false;
  ns = *known;
  return true;
}

/// Whether it is within what timestamp::unix_nanoseconds() gives.
[[nodiscard]] inline bool is_kept_time(std::int64_t ns) noexcept {
  constexpr std::int64_t seconds = std::numeric_limits<std::int64_t>::max() / ns_a_second;
  constexpr std::int64_t lowest = (1 - seconds) * ns_a_second;
  constexpr std::int64_t highest = seconds * ns_a_second - 1;
  const auto is_given = [](std::int64_t t) {
    return timestamp::from_unix_nanoseconds(t).unix_nanoseconds().has_value();
  };
  static_assert(is_given(lowest) && !is_given(lowest - 1));
  static_assert(is_given(highest) && !is_given(highest + 1));
  return ns >= lowest && ns <= highest;
}

}  // namespace tcpinfo::inline v0::segment_format

#endif
