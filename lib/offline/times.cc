// SPDX-License-Identifier: Apache-2.0
#include "offline/times.h"

#include <fmt/format.h>

#include <charconv>
#include <limits>

namespace tcpinfo::offline {
namespace {

bool is_digits(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

// Seconds with an optional fraction. Not by way of a double: nanoseconds of today need 61 bits.
std::optional<timestamp> parse_epoch(std::string_view text) {
  const bool negative = text.starts_with('-');
  if (negative) text.remove_prefix(1);
  const std::size_t point = text.find('.');
  const std::string_view whole = text.substr(0, point);
  const std::string_view fraction =
      point == std::string_view::npos ? std::string_view() : text.substr(point + 1);
  if (!is_digits(whole) || (point != std::string_view::npos && !is_digits(fraction)))
    return std::nullopt;
  timestamp t;
  const auto [end, ec] = std::from_chars(whole.data(), whole.data() + whole.size(), t.seconds);
  // Years 0 to 9999 are what can be written.
  if (ec != std::errc{} || t.seconds > 253'402'300'799) return std::nullopt;
  std::uint32_t scale = 100'000'000;
  for (const char c : fraction.substr(0, 9)) {
    t.nanoseconds += static_cast<std::uint32_t>(c - '0') * scale;
    scale /= 10;
  }
  if (negative) {
    t.seconds = -t.seconds;
    if (t.nanoseconds != 0) {
      --t.seconds;
      t.nanoseconds = 1'000'000'000 - t.nanoseconds;
    }
  }
  return t;
}

}  // namespace

std::optional<timestamp> parse_moment(std::string_view text) {
  timestamp t;
  if (!parse_timestamp(text, t)) return t;
  if (const auto epoch = parse_epoch(text)) return epoch;
  // What people leave out or write in another way: the time of day, the T, the offset.
  std::string full(text);
  if (full.size() == 10) full += "T00:00:00";
  if (full.size() > 10 && (full[10] == ' ' || full[10] == 't')) full[10] = 'T';
  if (full.size() == 16) full += ":00";
  if (!parse_timestamp(full, t) || !parse_timestamp(full + "Z", t)) return t;
  return std::nullopt;
}

std::optional<time_style> parse_time_style(std::string_view text) {
  if (text == "utc") return time_style::utc;
  if (text == "as-is") return time_style::as_is;
  if (text == "epoch") return time_style::epoch;
  return std::nullopt;
}

std::size_t format_moment(const timestamp& t, time_style style, std::span<char> out) noexcept {
  if (style != time_style::epoch)
    return format_timestamp(style == time_style::utc ? t.utc() : t, out);
  if (t.is_zero() || out.size() < max_moment_size || t.nanoseconds >= 1'000'000'000) return 0;
  // Before 1970 the fraction counts towards zero in text, away from it in a timestamp.
  const bool negative = t.seconds < 0;
  std::int64_t whole = t.seconds;
  std::uint32_t fraction = t.nanoseconds;
  if (negative && fraction != 0) {
    ++whole;
    fraction = 1'000'000'000 - fraction;
  }
  char* at = out.data();
  if (negative) *at++ = '-';
  at = std::to_chars(at, out.data() + out.size(), negative ? -whole : whole).ptr;
  if (fraction == 0) return static_cast<std::size_t>(at - out.data());
  *at++ = '.';
  for (std::uint32_t scale = 100'000'000; fraction != 0; scale /= 10) {
    *at++ = static_cast<char>('0' + fraction / scale);
    fraction %= scale;
  }
  return static_cast<std::size_t>(at - out.data());
}

std::int64_t nanoseconds_between(const timestamp& a, const timestamp& b) noexcept {
  std::int64_t seconds = 0;
  std::int64_t ns = 0;
  const std::int64_t fraction =
      std::int64_t{a.nanoseconds} - static_cast<std::int64_t>(b.nanoseconds);
  if (!__builtin_sub_overflow(a.seconds, b.seconds, &seconds) &&
      !__builtin_mul_overflow(seconds, std::int64_t{1'000'000'000}, &ns) &&
      !__builtin_add_overflow(ns, fraction, &ns))
    return ns;
  return a.seconds < b.seconds ? std::numeric_limits<std::int64_t>::min()
                               : std::numeric_limits<std::int64_t>::max();
}

}  // namespace tcpinfo::offline
