// SPDX-License-Identifier: Apache-2.0
//
// Moments as people type and read them.
#ifndef TCPINFO_OFFLINE_TEXT_TIMES_H
#define TCPINFO_OFFLINE_TEXT_TIMES_H

#include <tcpinfo/archive.h>

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tcpinfo::offline {

/// Reads a moment as a person types it, letters in either case:
/// - RFC 3339, also without seconds, with a blank for the T, with the offset as Z, UTC, GMT,
/// +01:00,
///   +0100 or +01, with a blank before it; without one it is UTC;
/// - a date alone, 2026-01-31 or 20260131: its midnight in UTC;
/// - seconds since 1970 with or without a fraction: @N, or N alone where it has 9 or 10 digits;
/// - now, today, yesterday (midnights in UTC), and a duration before `now`: -1h30m.
/// Refuses any other number: seconds, milliseconds and dates look alike.
/// @return why it is none, with the way to write it; empty where `out` has it.
[[nodiscard]] std::string parse_moment(std::string_view text, const timestamp& now, timestamp& out);

/// How times are written (--time).
enum class time_style : std::uint8_t {
  utc,    ///< RFC 3339, UTC
  as_is,  ///< RFC 3339 with the offset the record has
  epoch,  ///< seconds since 1970 with up to nine decimals
};
[[nodiscard]] std::optional<time_style> parse_time_style(std::string_view text);

/// Longest text format_moment writes.
inline constexpr std::size_t max_moment_size = 40;
/// Not NUL-terminated. @return its length; 0 for the zero time in epoch style and for what cannot
/// be written.
[[nodiscard]] std::size_t format_moment(const timestamp& t, time_style style,
                                        std::span<char> out) noexcept;

/// Which of two moments is earlier, whatever their offsets.
[[nodiscard]] constexpr std::strong_ordering compare(const timestamp& a,
                                                     const timestamp& b) noexcept {
  if (a.seconds != b.seconds) return a.seconds <=> b.seconds;
  return a.nanoseconds <=> b.nanoseconds;
}

/// a - b in nanoseconds, at the ends of the range where it does not fit.
[[nodiscard]] std::int64_t nanoseconds_between(const timestamp& a, const timestamp& b) noexcept;

}  // namespace tcpinfo::offline

#endif
