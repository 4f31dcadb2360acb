// SPDX-License-Identifier: Apache-2.0
#ifndef TCPINFO_ANALYSIS_PACKED_TIME_H
#define TCPINFO_ANALYSIS_PACKED_TIME_H

#include <tcpinfo/archive.h>

#include <compare>
#include <cstdint>
#include <limits>

namespace tcpinfo::analysis {

/// A timestamp in half its room, for what is kept of a million connections: without its offset from
/// UTC. What 64 bits of nanoseconds do not hold (before 1678, after 2262) is the first or the last
/// of all, and can only be compared.
class packed_time {
 public:
  /// The zero time, which is before all others.
  constexpr packed_time() noexcept = default;
  explicit constexpr packed_time(const timestamp& t) noexcept {
    if (t.is_zero()) return;
    const auto ns = t.unix_nanoseconds();
    ns_ = ns ? *ns : t.seconds < 0 ? lowest + 1 : highest;
  }

  /// From nanoseconds since 1970, and back; raw() of the zero time is the lowest of all numbers.
  [[nodiscard]] static constexpr packed_time of_raw(std::int64_t ns) noexcept {
    packed_time t;
    t.ns_ = ns;
    return t;
  }
  [[nodiscard]] constexpr std::int64_t raw() const noexcept { return ns_; }

  [[nodiscard]] constexpr bool is_zero() const noexcept { return ns_ == lowest; }
  /// With the offset that it is to be written with; the zero time for what was not held.
  [[nodiscard]] constexpr timestamp at(std::int16_t offset_minutes = 0) const noexcept {
    if (ns_ <= lowest + 1 || ns_ == highest) return {};
    timestamp t = timestamp::from_unix_nanoseconds(ns_);
    t.utc_offset_seconds = offset_minutes * 60;
    return t;
  }
  /// In nanoseconds, at the ends of the range where it does not fit.
  [[nodiscard]] constexpr std::int64_t since(const packed_time& before) const noexcept {
    std::int64_t ns = 0;
    if (!__builtin_sub_overflow(ns_, before.ns_, &ns)) return ns;
    return ns_ < before.ns_ ? lowest : highest;
  }
  friend constexpr auto operator<=>(const packed_time&, const packed_time&) noexcept = default;

 private:
  static constexpr std::int64_t lowest = std::numeric_limits<std::int64_t>::min();
  static constexpr std::int64_t highest = std::numeric_limits<std::int64_t>::max();

  std::int64_t ns_ = lowest;
};

/// The offset of a timestamp, for packed_time::at().
[[nodiscard]] constexpr std::int16_t offset_minutes(const timestamp& t) noexcept {
  return static_cast<std::int16_t>(t.utc_offset_seconds / 60);
}

}  // namespace tcpinfo::analysis

#endif
