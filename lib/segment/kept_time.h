// SPDX-License-Identifier: Apache-2.0
//
// Times that a segment keeps as numbers: in UTC, whole nanoseconds within 64 bits.
#ifndef TCPINFO_SEGMENT_KEPT_TIME_H
#define TCPINFO_SEGMENT_KEPT_TIME_H

#include <cstdint>

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
  return timestamp::from_unix_nanoseconds(ns).unix_nanoseconds().has_value();
}

}  // namespace tcpinfo::inline v0::segment_format

#endif
