// SPDX-License-Identifier: Apache-2.0
//
// Times that a segment keeps as numbers: in UTC, whole nanoseconds within 64 bits.
#ifndef TCPINFO_SEGMENT_KEPT_TIME_H
#define TCPINFO_SEGMENT_KEPT_TIME_H

#include <cstdint>
#include <limits>

#include <tcpinfo/archive.h>

namespace tcpinfo::inline v0::segment_format {

/// Archives are in folders of days.
inline constexpr std::int64_t seconds_a_day = 86'400;

/// @return whether it can be kept: `ns` is set then.
[[nodiscard]] inline bool to_kept_time(const timestamp& t, std::int64_t& ns) noexcept {
  const auto known = t.unix_nanoseconds();
  if (!known || t.utc_offset_seconds != 0 || t.nanoseconds >= 1'000'000'000) return false;
  ns = *known;
  return true;
}

/// Whether it is within what timestamp::unix_nanoseconds() gives.
[[nodiscard]] inline bool is_kept_time(std::int64_t ns) noexcept {
  constexpr std::int64_t second = 1'000'000'000;
  constexpr std::int64_t seconds = std::numeric_limits<std::int64_t>::max() / second;
  constexpr std::int64_t lowest = (1 - seconds) * second;
  constexpr std::int64_t highest = seconds * second - 1;
  const auto is_given = [](std::int64_t t) {
    return timestamp::from_unix_nanoseconds(t).unix_nanoseconds().has_value();
  };
  static_assert(is_given(lowest) && !is_given(lowest - 1));
  static_assert(is_given(highest) && !is_given(highest + 1));
  return ns >= lowest && ns <= highest;
}

}  // namespace tcpinfo::inline v0::segment_format

#endif
