// SPDX-License-Identifier: Apache-2.0
#include "offline/text/times.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <limits>

#include "text/values.h"

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

std::string in_capitals(std::string_view text) {
  std::string capitals(text);
  for (char& c : capitals)
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  return capitals;
}

timestamp before(const timestamp& t, std::int64_t ns) {
  constexpr std::int64_t second = 1'000'000'000;
  std::int64_t rest = std::int64_t{t.nanoseconds} - ns % second;
  std::int64_t seconds = t.seconds - ns / second;
  if (rest < 0) {
    rest += second;
    --seconds;
  }
  return {seconds, static_cast<std::uint32_t>(rest), 0};
}

// Digits with or without a fraction, or with a sign.
bool is_number(std::string_view text) {
  if (text.starts_with('-') || text.starts_with('+')) text.remove_prefix(1);
  return !text.empty() && text.find_first_not_of("0123456789.") == std::string_view::npos;
}

// Z, UTC, +01:00 and the like as RFC 3339 has them; empty for anything else.
std::string zone_of(std::string_view text) {
  if (text.empty() || text == "Z" || text == "UTC" || text == "GMT") return "Z";
  const std::string_view sign = text.substr(0, 1);
  if (sign != "+" && sign != "-") return {};
  const std::string_view rest = text.substr(1);
  const std::string_view hours = rest.substr(0, 2);
  std::string_view minutes = rest.size() > 2 ? rest.substr(2) : "00";
  if (minutes.starts_with(':')) minutes.remove_prefix(1);
  if (!is_digits(hours) || hours.size() != 2 || !is_digits(minutes) || minutes.size() != 2)
    return {};
  return fmt::format("{}{}:{}", sign, hours, minutes);
}

// `text` is in capitals.
bool parse_calendar(std::string_view text, timestamp& out) {
  constexpr std::size_t date_size = 10;
  if (text.size() < date_size) return false;
  const std::string_view date = text.substr(0, date_size);
  std::string_view rest = text::trimmed(text.substr(date_size));
  const bool has_t = rest.starts_with('T');
  if (has_t) rest.remove_prefix(1);
  const std::size_t time_size = std::min(rest.find_first_not_of("0123456789:."), rest.size());
  std::string time(rest.substr(0, time_size));
  const std::string_view zone = text::trimmed(rest.substr(time_size));
  if (time.empty()) {
    // Behind a date alone, -05 may be meant as an hour.
    if (has_t || zone.starts_with('+') || zone.starts_with('-')) return false;
    time = "00:00:00";
  }
  if (time.size() == 5) time += ":00";
  return !parse_timestamp(fmt::format("{}T{}{}", date, time, zone_of(zone)), out);
}

// A number without an @: `typed` is `text` without blanks around.
std::string parse_number(std::string_view text, std::string_view typed, timestamp& out) {
  const std::size_t digits = std::min(typed.find('.'), typed.size());
  if (is_digits(typed) && digits == 8) {
    const std::string date =
        fmt::format("{}-{}-{}", typed.substr(0, 4), typed.substr(4, 2), typed.substr(6));
    if (parse_calendar(date, out)) return {};
    return fmt::format("'{}' is no date: {} (seconds since 1970 would be @{})", text, date, typed);
  }
  if (digits == 9 || digits == 10) {
    if (const auto epoch = parse_epoch(typed)) {
      out = *epoch;
      return {};
    }
  }
  // Milliseconds, microseconds, nanoseconds of these years.
  if (is_digits(typed) && (digits == 13 || digits == 16 || digits == 19))
    return fmt::format("'{}' is no time: write it in seconds since 1970, @{}.{}", text,
                       typed.substr(0, 10), typed.substr(10));
  const std::string epoch = parse_epoch(typed) ? fmt::format("@{}", typed) : "@1769860800";
  return fmt::format(
      "'{}' is no time: write seconds since 1970 as {}, a date as 2026-01-31, and a time before "
      "now as -1h",
      text, epoch);
}

}  // namespace

std::string parse_moment(std::string_view text, const timestamp& now, timestamp& out) {
  const std::string_view typed = text::trimmed(text);
  const std::string upper = in_capitals(typed);
  constexpr std::int64_t day = 86'400;
  if (upper == "NOW") {
    out = now;
    return {};
  }
  if (upper == "TODAY" || upper == "YESTERDAY") {
    const std::int64_t into_day = (now.seconds % day + day) % day;
    out = {now.seconds - into_day - (upper == "TODAY" ? 0 : day), 0, 0};
    return {};
  }
  if (typed.starts_with('-')) {
    if (const auto ago = text::parse_duration(typed.substr(1))) {
      out = before(now, *ago);
      return {};
    }
  }
  if (typed.starts_with('@')) {
    if (const auto epoch = parse_epoch(typed.substr(1))) {
      out = *epoch;
      return {};
    }
    return fmt::format("'{}' is no time: behind @ stand seconds since 1970, as in @1769860800.5",
                       text);
  }
  if (is_number(typed)) return parse_number(text, typed, out);
  if (parse_calendar(upper, out)) return {};
  return fmt::format(
      "'{}' is no time (examples: 2026-01-31T12:00:00Z, 2026-01-31, @1769860800, -1h, yesterday)",
      text);
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
