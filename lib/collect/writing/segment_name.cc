// SPDX-License-Identifier: Apache-2.0
#include "collect/writing/segment_name.h"

#include <fmt/format.h>
#include <tcpinfo/segment.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <system_error>

#include "collect/writing/file_names.h"

namespace tcpinfo::collect {
namespace {

constexpr std::size_t longest_host = 128;

bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }

bool is_safe(char c) noexcept {
  return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' || c == '-' ||
         c == '_';
}

// Takes the number behind the last `before` off the end.
bool take_number(std::string_view& text, char before, std::uint64_t& out) noexcept {
  const std::size_t at = text.rfind(before);
  if (at == std::string_view::npos) return false;
  const std::string_view digits = text.substr(at + 1);
  const char* const end = digits.data() + digits.size();
  const auto [last, fault] = std::from_chars(digits.data(), end, out);
  if (digits.empty() || fault != std::errc() || last != end) return false;
  text = text.substr(0, at);
  return true;
}

// YYYYMMDDThhmmssZ
bool is_start(std::string_view text) noexcept {
  if (text.size() != 16 || text[8] != 'T' || text[15] != 'Z') return false;
  const auto digits = [text](std::size_t from, std::size_t n) {
    const auto part = text.substr(from, n);
    return std::all_of(part.begin(), part.end(), is_digit);
  };
  return digits(0, 8) && digits(9, 6);
}

}  // namespace

std::string segment_stem(std::string_view host, std::int64_t start_ns, std::uint64_t run) {
  std::string safe(host.substr(0, longest_host));
  for (char& c : safe)
    if (!is_safe(c)) c = '_';
  // A file whose name begins with a point is not shown.
  if (safe.empty() || safe.front() == '.') safe.insert(safe.begin(), '_');
  const auto time = std::chrono::floor<std::chrono::seconds>(
      std::chrono::sys_time<std::chrono::nanoseconds>(std::chrono::nanoseconds(start_ns)));
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(time - day);
  return fmt::format("{}.{:04}{:02}{:02}T{:02}{:02}{:02}Z-{}", safe, static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                     clock.hours().count(), clock.minutes().count(), clock.seconds().count(), run);
}

std::string segment_name(std::string_view stem, unsigned writer, std::uint64_t number) {
  return fmt::format("{}.{}.{:05}{}", stem, writer, number, segment_suffix);
}

bool parse_segment_name(std::string_view name, parsed_segment_name& out) noexcept {
  parsed_segment_name found;
  found.partial = name.ends_with(part_suffix);
  if (found.partial) name.remove_suffix(part_suffix.size());
  if (!name.ends_with(segment_suffix)) return false;
  name.remove_suffix(segment_suffix.size());
  if (!take_number(name, '.', found.number) || !take_number(name, '.', found.writer)) return false;
  found.stem = name;
  if (!take_number(name, '-', found.run)) return false;
  const std::size_t point = name.rfind('.');
  if (point == std::string_view::npos || point == 0 || !is_start(name.substr(point + 1)))
    return false;
  out = found;
  return true;
}

bool is_segment_path(std::string_view path) noexcept {
  if (path.ends_with(part_suffix)) path.remove_suffix(part_suffix.size());
  return path.ends_with(segment_suffix);
}

}  // namespace tcpinfo::collect
