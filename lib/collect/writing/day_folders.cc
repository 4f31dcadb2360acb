// SPDX-License-Identifier: Apache-2.0
#include "collect/writing/day_folders.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <optional>
#include <string_view>
#include <utility>

#include "common/errno_of.h"

namespace tcpinfo::collect {
namespace {

std::optional<std::uint32_t> number_of_digits(std::string_view text, std::size_t digits) {
  if (text.size() != digits) return std::nullopt;
  std::uint32_t value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + static_cast<std::uint32_t>(c - '0');
  }
  return value;
}

// Adds the folders of one level below `above`.
std::error_code list_level(os& system, const day_folder& above, std::size_t digits,
                           std::uint32_t factor, std::vector<day_folder>& out) {
  return unless_gone(system.list(above.path, [&](const directory_entry& entry) {
    const auto number = number_of_digits(entry.name, digits);
    if (number && entry.is_directory)
      out.push_back({above.date * factor + *number, above.path + "/" + entry.name});
  }));
}

}  // namespace

std::uint32_t date_of(std::int64_t realtime_ns) noexcept {
  const auto day = std::chrono::floor<std::chrono::days>(
      std::chrono::sys_time<std::chrono::nanoseconds>(std::chrono::nanoseconds(realtime_ns)));
  const std::chrono::year_month_day date(day);
  return static_cast<std::uint32_t>(static_cast<int>(date.year())) * 10000 +
         static_cast<unsigned>(date.month()) * 100 + static_cast<unsigned>(date.day());
}

std::string day_folder_of(const std::string& output, std::int64_t realtime_ns) {
  const std::uint32_t date = date_of(realtime_ns);
  return fmt::format("{}/{:04}/{:02}/{:02}", output, date / 10000, date / 100 % 100, date % 100);
}

bool is_of_earlier_day(std::int64_t time_ns, std::int64_t other_ns) noexcept {
  // Hardly ever, and this is asked for each record.
  return time_ns < other_ns && date_of(time_ns) < date_of(other_ns);
}

std::int64_t begin_of(std::uint32_t date) noexcept {
  const std::chrono::year_month_day day(std::chrono::year(static_cast<int>(date / 10000)),
                                        std::chrono::month(date / 100 % 100),
                                        std::chrono::day(date % 100));
  return std::chrono::nanoseconds(std::chrono::sys_days(day).time_since_epoch()).count();
}

std::error_code unless_gone(const std::error_code& ec) noexcept {
  return is_errno(ec, ENOENT) ? std::error_code{} : ec;
}

std::error_code list_day_folders(os& system, const std::string& output,
                                 std::vector<day_folder>& out) {
  out.clear();
  std::vector<day_folder> years;
  std::vector<day_folder> months;
  // A link as the output directory itself is the operator's choice: "/." looks behind it.
  if (const auto ec = list_level(system, {0, output + "/."}, 4, 1, years)) return ec;
  for (day_folder& year : years) {
    year.path = output + year.path.substr(output.size() + 2);
    if (const auto ec = list_level(system, year, 2, 100, months)) return ec;
  }
  for (const day_folder& month : months)
    if (const auto ec = list_level(system, month, 2, 100, out)) return ec;
  std::sort(out.begin(), out.end(),
            [](const day_folder& a, const day_folder& b) { return a.date < b.date; });
  return {};
}

}  // namespace tcpinfo::collect
