// SPDX-License-Identifier: Apache-2.0
#include "offline/filters/passed_over.h"

#include <stdlib.h>

#include <cstdlib>
#include <memory>

#include "common/time_units.h"
#include "offline/inputs/file_names.h"
#include "offline/text/times.h"

namespace tcpinfo::offline {
namespace {

// The clock by which files are stamped ticks up to 10 ms behind that of records, and some file
// systems keep two seconds as one.
constexpr std::int64_t stamp_lag_seconds = 2;

// The first second of the day that a path ends in, as /2026/01/31.
std::optional<std::int64_t> day_at_end(std::string_view path) {
  constexpr std::size_t size = 11;
  if (path.size() < size) return std::nullopt;
  path.remove_prefix(path.size() - size);
  if (path[0] != '/' || path[5] != '/' || path[8] != '/') return std::nullopt;
  std::string text(path.substr(1));
  text[4] = text[7] = '-';
  timestamp day;
  if (parse_timestamp(text + "T00:00:00Z", day)) return std::nullopt;
  return day.seconds;
}

}  // namespace

// The real path: `.` may be a day's folder, and so may what a link leads to.
std::optional<std::int64_t> passed_over::day_of(std::string_view folder) {
  if (any_folder_ && folder_ == folder) return day_;
  folder_ = folder;
  any_folder_ = true;
  const std::unique_ptr<char, void (*)(void*)> real(
      ::realpath(folder.empty() ? "." : folder_.c_str(), nullptr), std::free);
  day_ = real == nullptr ? std::nullopt : day_at_end(real.get());
  return day_;
}

bool passed_over::covers(std::string_view path,
                         const std::function<std::optional<std::int64_t>()>& modified_ns) {
  if (uuids_.empty() && !since_ && !until_) return false;
  archive_name name;
  std::uint64_t cookie = 0;
  const bool segment = take_apart(base_name(path)).segment;
  if (segment ? !since_ && !until_
              : parse_archive_name(path, name) || parse_uuid_cookie(name.uuid, cookie))
    return false;
  const std::size_t slash = path.rfind('/');
  if (slash == 0) return false;  // directly in /
  const auto day = day_of(path.substr(0, slash == std::string_view::npos ? 0 : slash));
  if (!day) return false;
  // Asked for before the times: the connection is known, whatever they say.
  if (!segment && !uuids_.empty() && !uuids_.holds(name.uuid, cookie)) return true;
  if (until_ && compare({*day, 0, 0}, *until_) >= 0) return true;
  if (!since_ || *day + seconds_a_day > since_->seconds) return false;
  const auto modified = modified_ns();
  return modified && *modified / ns_a_second + stamp_lag_seconds < since_->seconds;
}

bool passed_over::covers_folder(std::string_view path,
                                const std::function<std::optional<std::int64_t>()>& modified_ns) {
  if (!since_ && !until_) return false;
  const auto day = day_of(path);
  if (!day) return false;
  if (until_ && compare({*day, 0, 0}, *until_) >= 0) return true;
  if (!since_ || *day + 2 * seconds_a_day > since_->seconds) return false;
  const auto modified = modified_ns();
  return modified && *modified / ns_a_second + stamp_lag_seconds < since_->seconds;
}

walk_options wanted_files(const filter_options& filter, bool captures, std::atomic<bool>* passed) {
  walk_options walk{.captures = captures};
  walk.wants = [judge = passed_over(filter), passed](const walk_entry& e) mutable {
    if (e.is_folder || !judge.covers(e.path, e.modified_ns)) return true;
    if (passed != nullptr) *passed = true;
    return false;
  };
  return walk;
}

part_options wanted_parts(const filter_options& filter, std::atomic<bool>* passed) {
  part_options parts{.passed = passed};
  // Which of those named are no connection's, only all of the file tells.
  if (filter.by_name()) return parts;
  const auto in_utc = [](const timestamp& t) { return timestamp{t.seconds, t.nanoseconds, 0}; };
  if (filter.since) parts.wanted.since = in_utc(*filter.since);
  if (filter.until) parts.wanted.until = in_utc(*filter.until);
  return parts;
}

}  // namespace tcpinfo::offline
