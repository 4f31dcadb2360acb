// SPDX-License-Identifier: Apache-2.0
#include <cstring>

#include <tcpinfo/archive.h>

#include "archive/text.h"
#include "common/decimal.h"
#include "common/time_units.h"

namespace tcpinfo::inline v0 {
namespace {

// The proleptic Gregorian calendar over the whole range of the format. Days are counted in years
// that begin in March, so that the leap day comes last and a month's start is a linear function.
constexpr std::int64_t days_from_civil(std::int64_t year, unsigned month, unsigned day) noexcept {
  if (month <= 2) --year;
  const std::int64_t era = (year >= 0 ? year : year - 399) / 400;
  const auto year_of_era = static_cast<unsigned>(year - era * 400);
  const unsigned day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
  const unsigned day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
  return era * 146097 + std::int64_t{day_of_era} - 719468;
}

static_assert(days_from_civil(1970, 1, 1) == 0);
static_assert(days_from_civil(1, 1, 1) * seconds_a_day == timestamp::zero_seconds);

constexpr std::int64_t first_second = days_from_civil(0, 1, 1) * seconds_a_day;
constexpr std::int64_t last_second = days_from_civil(10000, 1, 1) * seconds_a_day - 1;

constexpr bool is_leap(unsigned year) noexcept {
  return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

constexpr unsigned days_in(unsigned year, unsigned month) noexcept {
  constexpr unsigned days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  return month == 2 && is_leap(year) ? 29 : days[month - 1];
}

unsigned digit(char c) noexcept { return static_cast<unsigned char>(c) - unsigned{'0'}; }

// A number of exactly two digits at `at`; false where there is none.
bool two_digits(const char* at, unsigned& out) noexcept {
  const unsigned tens = digit(at[0]);
  const unsigned ones = digit(at[1]);
  out = tens * 10 + ones;
  return tens <= 9 && ones <= 9;
}

bool four_digits(const char* at, unsigned& out) noexcept {
  unsigned low = 0;
  const bool good = two_digits(at, out) && two_digits(at + 2, low);
  out = out * 100 + low;
  return good;
}

using decimal_detail::two;

}  // namespace

civil_date civil_from_days(std::int64_t days) noexcept {
  days += 719468;
  const std::int64_t era = (days >= 0 ? days : days - 146096) / 146097;
  const auto day_of_era = static_cast<unsigned>(days - era * 146097);
  const unsigned year_of_era =
      (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
  const unsigned day_of_year =
      day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const unsigned shifted_month = (5 * day_of_year + 2) / 153;
  const unsigned day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
  const unsigned month = shifted_month < 10 ? shifted_month + 3 : shifted_month - 9;
  const std::int64_t year = era * 400 + year_of_era + (month <= 2 ? 1 : 0);
  return {static_cast<unsigned>(year), month, day};
}

bool in_calendar(std::int64_t local_seconds) noexcept {
  return local_seconds >= first_second && local_seconds <= last_second;
}

std::int64_t floor_days(std::int64_t seconds) noexcept {
  return (seconds >= 0 ? seconds : seconds - (seconds_a_day - 1)) / seconds_a_day;
}

char* write_date(char* to, const civil_date& date, char separator) noexcept {
  to = two(to, date.year / 100);
  to = two(to, date.year % 100);
  *to++ = separator;
  to = two(to, date.month);
  *to++ = separator;
  return two(to, date.day);
}

char* write_fraction(char* to, std::uint32_t nanoseconds) noexcept {
  if (nanoseconds == 0) return to;
  *to++ = '.';
  to = decimal_detail::last_three_groups(to, nanoseconds);
  while (to[-1] == '0') --to;
  return to;
}

std::error_code parse_timestamp(std::string_view text, timestamp& out) noexcept {
  // 2019-08-26T19:55:42 and at least a Z.
  constexpr std::size_t shortest = 20;
  if (text.size() < shortest) return errc::bad_timestamp;
  const char* at = text.data();
  const char* const end = at + text.size();
  unsigned year = 0;
  unsigned month = 0;
  unsigned day = 0;
  unsigned hour = 0;
  unsigned minute = 0;
  unsigned second = 0;
  if (!four_digits(at, year) || at[4] != '-' || !two_digits(at + 5, month) || at[7] != '-' ||
      !two_digits(at + 8, day) || at[10] != 'T' || !two_digits(at + 11, hour) || at[13] != ':' ||
      !two_digits(at + 14, minute) || at[16] != ':' || !two_digits(at + 17, second))
    return errc::bad_timestamp;
  if (month < 1 || month > 12 || day < 1 || day > days_in(year, month) || hour > 23 ||
      minute > 59 || second > 60)
    return errc::bad_timestamp;
  at += 19;

  std::uint32_t nanoseconds = 0;
  if (*at == '.') {
    std::uint32_t scale = 100'000'000;
    const char* const first = ++at;
    for (; at != end; ++at) {
      const unsigned d = digit(*at);
      if (d > 9) break;
      nanoseconds += d * scale;
      scale /= 10;
    }
    if (at == first || at == end) return errc::bad_timestamp;
  }

  std::int32_t offset = 0;
  if (*at == 'Z') {
    ++at;
  } else {
    unsigned offset_hour = 0;
    unsigned offset_minute = 0;
    if (end - at < 6 || (*at != '+' && *at != '-') || !two_digits(at + 1, offset_hour) ||
        at[3] != ':' || !two_digits(at + 4, offset_minute) || offset_hour > 23 ||
        offset_minute > 59)
      return errc::bad_timestamp;
    offset = static_cast<std::int32_t>(offset_hour * 3600 + offset_minute * 60);
    if (*at == '-') offset = -offset;
    at += 6;
  }
  if (at != end) return errc::bad_timestamp;

  const std::int64_t seconds = days_from_civil(year, month, day) * seconds_a_day +
                               std::int64_t{hour * 3600 + minute * 60 + second} - offset;
  // A leap second ends a UTC day and nothing else does.
  if (second == 60 && seconds != floor_days(seconds) * seconds_a_day) return errc::bad_timestamp;
  out = {seconds, nanoseconds, offset};
  return {};
}

bool has_text(const timestamp& t) noexcept {
  if (t.nanoseconds > 999'999'999 || t.utc_offset_seconds <= -seconds_a_day ||
      t.utc_offset_seconds >= seconds_a_day)
    return false;
  // Checked before the sum, which could overflow.
  if (t.seconds < first_second - seconds_a_day || t.seconds > last_second + seconds_a_day)
    return false;
  return in_calendar(t.seconds + t.utc_offset_seconds / 60 * 60);
}

std::size_t format_timestamp(const timestamp& t, std::span<char> out) noexcept {
  if (!has_text(t)) return 0;
  // RFC 3339 has whole minutes: a rest of seconds is cut from offset and local time alike, as Go
  // does it, so that the text still means the same moment.
  const std::int32_t offset_minutes = t.utc_offset_seconds / 60;
  const std::int64_t local = t.seconds + offset_minutes * 60;
  char text[max_timestamp_size];
  const std::int64_t days = floor_days(local);
  const auto second_of_day = static_cast<unsigned>(local - days * seconds_a_day);
  char* to = write_date(text, civil_from_days(days), '-');
  *to++ = 'T';
  to = two(to, second_of_day / 3600);
  *to++ = ':';
  to = two(to, second_of_day / 60 % 60);
  *to++ = ':';
  to = two(to, second_of_day % 60);
  to = write_fraction(to, t.nanoseconds);
  if (offset_minutes == 0) {
    *to++ = 'Z';
  } else {
    const auto minutes =
        static_cast<unsigned>(offset_minutes < 0 ? -offset_minutes : offset_minutes);
    *to++ = offset_minutes < 0 ? '-' : '+';
    to = two(to, minutes / 60);
    *to++ = ':';
    to = two(to, minutes % 60);
  }
  const auto size = static_cast<std::size_t>(to - text);
  if (size > out.size()) return 0;
  std::memcpy(out.data(), text, size);
  return size;
}

}  // namespace tcpinfo::inline v0
