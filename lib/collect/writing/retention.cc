// SPDX-License-Identifier: Apache-2.0
#include "collect/writing/retention.h"

#include <fmt/format.h>
#include <tcpinfo/archive.h>

#include <algorithm>
#include <cerrno>
#include <limits>
#include <new>

#include "collect/os/thread.h"
#include "collect/writing/segment_name.h"
#include "common/errno_of.h"
#include "text/values.h"

namespace tcpinfo::collect {
namespace {

constexpr std::int64_t between_looks_ns = 60'000'000'000;
// Folders of days that are over hardly change: they are measured again after this time.
constexpr std::int64_t measure_again_ns = 3'600'000'000'000;
// Archives of one folder that are looked at together; a busy day has millions.
constexpr std::size_t batch = 10'000;
constexpr int deepest = 16;

constexpr std::int64_t day_ns = std::int64_t{24} * 3'600'000'000'000;

bool is_complete_archive(const std::string& name) noexcept {
  parsed_segment_name segment;
  if (parse_segment_name(name, segment)) return !segment.partial;
  archive_name parsed;
  return !parse_archive_name(name, parsed) && parsed.compressed && !parsed.partial;
}

}  // namespace

std::error_code retention::start() {
  if (limits_.max_age_ns == 0 && limits_.max_disk == 0) return {};
  return system_.start_thread([this] { work(); }, thread_);
}

void retention::finish() noexcept {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

bool retention::is_ending() noexcept {
  const std::lock_guard lock(mutex_);
  return ending_;
}

void retention::work() {
  name_this_thread("retention");
  step_back();
  for (;;) {
    const std::int64_t begin_ns = system_.monotonic_ns();
    try {
      look();
    } catch (const std::bad_alloc&) {
      // The next look tries again.
    }
    const std::int64_t end_ns = system_.monotonic_ns();
    const std::int64_t next_ns =
        end_ns + std::max(between_looks_ns, rest_for_each_look * (end_ns - begin_ns));
    std::unique_lock lock(mutex_);
    while (!ending_ && system_.monotonic_ns() < next_ns) system_.wait(changed_, lock, next_ns);
    if (ending_) return;
  }
}

void retention::look() {
  std::vector<day_folder> days;
  if (const auto ec = list_day_folders(system_, output_, days)) {
    failed(output_, ec);
    return;
  }
  if (limits_.max_age_ns > 0) keep_age(days);
  if (limits_.max_disk > 0) keep_disk(days);
}

void retention::failed(const std::string& path, const std::error_code& ec) {
  counts_.retention_faults.add();
  limit_.log(system_.monotonic_ns(), event::retention_failed, {path, ec}, "cannot remove {}: {}",
             path, ec.message());
}

std::vector<retention::archive> retention::oldest(const day_folder& day, std::int64_t before_ns,
                                                  bool unsent) {
  std::vector<archive> found;
  const auto newer_last = [](const archive& a, const archive& b) {
    return a.modified_ns < b.modified_ns;
  };
  const auto ec = unless_gone(system_.list(day.path, [&](const directory_entry& entry) {
    if (!entry.is_file || !is_complete_archive(entry.name)) return;
    archive one{day.path + "/" + entry.name, 0, 0};
    os::file_status status;
    if (system_.status(one.path, status) || status.modified_ns >= before_ns) return;
    if (!unsent && unsent_ != nullptr && unsent_->is_unsent(one.path)) return;
    one.modified_ns = status.modified_ns;
    one.allocated = status.allocated;
    if (found.size() == batch) {
      if (!newer_last(one, found.front())) return;
      std::pop_heap(found.begin(), found.end(), newer_last);
      found.pop_back();
    }
    found.push_back(std::move(one));
    std::push_heap(found.begin(), found.end(), newer_last);
  }));
  if (ec) failed(day.path, ec);
  std::sort_heap(found.begin(), found.end(), newer_last);
  return found;
}

bool retention::remove(const archive& file, removed& sum) {
  if (const auto ec = system_.remove(file.path)) {
    if (!is_errno(ec, ENOENT)) failed(file.path, ec);
    return false;
  }
  ++sum.files;
  sum.bytes += file.allocated;
  return true;
}

// Today's and yesterday's folders stay: a writer may be about to make a file there.
void retention::remove_empty(const day_folder& day) {
  if (day.date >= date_of(system_.realtime_ns() - day_ns)) return;
  std::string path = day.path;
  for (int level = 0; level < 3 && !system_.remove_folder(path); ++level)
    path.resize(path.rfind('/'));
}

void retention::say(const removed& sum, counter& files, counter& bytes, std::string_view why) {
  if (sum.files == 0) return;
  files.add(sum.files);
  bytes.add(sum.bytes);
  log(event::retention, "removed {} archives, {} bytes on disk: {}", sum.files, sum.bytes, why);
}

void retention::keep_age(const std::vector<day_folder>& days) {
  const std::int64_t before_ns = system_.realtime_ns() - limits_.max_age_ns;
  // A file is written to on its folder's date at the earliest.
  const std::uint32_t last = date_of(before_ns);
  removed sum;
  for (const day_folder& day : days) {
    if (day.date > last) break;
    for (bool more = true; more && !is_ending();) {
      const std::vector<archive> old = oldest(day, before_ns, false);
      std::size_t gone = 0;
      for (const archive& file : old) {
        if (is_ending()) break;
        if (remove(file, sum)) ++gone;
      }
      more = old.size() == batch && gone > 0;
    }
    remove_empty(day);
  }
  say(sum, counts_.retention_files_age, counts_.retention_bytes_age,
      fmt::format("older than {} (--max-age)", text::format_duration(limits_.max_age_ns)));
}

// All that is there, ours or not. Links are not followed.
std::uint64_t retention::allocated_below(const std::string& folder, int depth) {
  std::uint64_t sum = 0;
  std::vector<std::string> folders;
  const auto ec = unless_gone(system_.list(folder, [&](const directory_entry& entry) {
    std::string path = folder + "/" + entry.name;
    os::file_status status;
    if (entry.is_directory)
      folders.push_back(std::move(path));
    else if (entry.is_file && !system_.status(path, status))
      sum += status.allocated;
  }));
  if (ec) failed(folder, ec);
  if (depth == 0 || is_ending()) return sum;
  for (const std::string& path : folders) sum += allocated_below(path, depth - 1);
  return sum;
}

std::uint64_t retention::allocated(const std::vector<day_folder>& days) {
  const std::int64_t now_ns = system_.monotonic_ns();
  const std::uint32_t yesterday = date_of(system_.realtime_ns() - day_ns);
  // Outside of days' folders: a lock, and files that somebody has put there.
  std::uint64_t sum = allocated_below(output_ + "/.", 0);
  std::map<std::uint32_t, measured> fresh;
  for (const day_folder& day : days) {
    const auto known = measured_.find(day.date);
    const bool again = day.date >= yesterday || known == measured_.end() ||
                       now_ns - known->second.at_ns > measure_again_ns;
    const measured here =
        again ? measured{allocated_below(day.path, deepest), now_ns} : known->second;
    fresh[day.date] = here;
    sum += here.allocated;
  }
  measured_ = std::move(fresh);
  return sum;
}

// Removes the oldest until no more is taken than may be.
void retention::make_room(const std::vector<day_folder>& days, bool unsent, std::uint64_t& taken,
                          removed& sum) {
  for (const day_folder& day : days) {
    for (bool more = true; more && taken > limits_.max_disk && !is_ending();) {
      const std::vector<archive> old =
          oldest(day, std::numeric_limits<std::int64_t>::max(), unsent);
      std::size_t gone = 0;
      for (const archive& file : old) {
        if (taken <= limits_.max_disk || is_ending()) break;
        if (!remove(file, sum)) continue;
        ++gone;
        taken -= std::min(taken, file.allocated);
        measured& here = measured_[day.date];
        here.allocated -= std::min(here.allocated, file.allocated);
      }
      more = old.size() == batch && gone > 0;
    }
    if (taken <= limits_.max_disk) break;
    remove_empty(day);
  }
}

void retention::keep_disk(const std::vector<day_folder>& days) {
  std::uint64_t taken = allocated(days);
  removed sum;
  make_room(days, false, taken, sum);
  say(sum, counts_.retention_files_disk, counts_.retention_bytes_disk,
      fmt::format("more than {} bytes below {} (--max-disk)", limits_.max_disk, output_));
  // A full disk would end the recording: what could not be sent goes last, but it goes.
  removed lost;
  if (unsent_ != nullptr && taken > limits_.max_disk) make_room(days, true, taken, lost);
  counts_.retention_files_unsent.add(lost.files);
  say(lost, counts_.retention_files_disk, counts_.retention_bytes_disk,
      fmt::format("more than {} bytes below {} (--max-disk), though not all targets of --publish "
                  "have acknowledged them",
                  limits_.max_disk, output_));
  counts_.output_allocated.store(static_cast<std::int64_t>(taken), std::memory_order_relaxed);
}

}  // namespace tcpinfo::collect
