// SPDX-License-Identifier: Apache-2.0
//
// Moments as people type and read them.
#ifndef TCPINFO_OFFLINE_TIMES_H
#define TCPINFO_OFFLINE_TIMES_H

#include <tcpinfo/archive.h>

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tcpinfo::offline {

/// RFC 3339 ("2026-01-31T12:00:00Z", also without seconds' fraction), a date alone (its midnight,
/// UTC), or seconds since 1970 with an optional fraction. Without an offset: UTC.
[[nodiscard]] std::optional<timestamp> parse_moment(std::string_view text);

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
