// SPDX-License-Identifier: Apache-2.0
#include "collect/writing/sequence_index.h"

#include <tcpinfo/archive.h>
#include <tcpinfo/zstd.h>

#include <algorithm>
#include <array>
#include <utility>

#include "collect/os/descriptor.h"
#include "collect/writing/day_folders.h"
#include "collect/writing/file_names.h"
#include "collect/writing/segment_name.h"

namespace tcpinfo::collect {
namespace {

constexpr std::int64_t hour_ns = 3'600'000'000'000;
// Of a higher number the sequences would be above 2^53, which not every reader of JSON holds: such
// a name is none of ours.
constexpr std::uint64_t most_runs = 9'000'000;

// Each cookie once, with its highest sequence, sorted.
void make_unique(std::vector<known_files>& files) {
  std::sort(files.begin(), files.end(), [](const known_files& a, const known_files& b) {
    return a.cookie != b.cookie ? a.cookie < b.cookie : a.highest > b.highest;
  });
  files.erase(
      std::unique(files.begin(), files.end(),
                  [](const known_files& a, const known_files& b) { return a.cookie == b.cookie; }),
      files.end());
}

}  // namespace

bool holds_nothing(os& system, const std::string& path) {
  std::uint64_t size = 0;
  if (system.size(path, size) || size >= first_frame_in_doubt) return false;
  descriptor file;
  if (size > 0 && system.open_read(path, file)) return false;
  if (size == 0) return true;
  stream_reader reader;
  if (reader.open_fd(file.get())) return false;
  // A block may be whole where its frame is not.
  std::array<std::byte, 64> first;
  std::size_t n = 0;
  return reader.read(first, n) == errc::truncated_frame && n == 0;
}

bool segment_holds_nothing(os& system, const std::string& path) {
  // No block is larger.
  constexpr std::uint64_t largest_frame = std::uint64_t{2} << 20;
  std::uint64_t size = 0;
  if (system.size(path, size) || size > largest_frame) return false;
  if (size == 0) return true;
  descriptor file;
  frame_scan found;
  if (system.open_read(path, file) || scan_frames(file.get(), found)) return false;
  return found.whole_end == 0 && found.is_zstd && found.fault == errc::truncated_frame;
}

bool sequence_index::may_be_in_segments(std::uint64_t cookie,
                                        const std::optional<std::uint64_t>& newest) const noexcept {
  // Some the kernel counts from the upper end down; of these nothing is known.
  constexpr std::uint64_t counted_down = std::uint64_t{1} << 63U;
  return run_number_ > 0 && (!newest || cookie <= *newest || cookie >= counted_down);
}

void sequence_index::count_run(std::string_view name) noexcept {
  parsed_segment_name parsed;
  if (parse_segment_name(name, parsed) && parsed.run < most_runs)
    run_number_ = std::max(run_number_, parsed.run + 1);
  else
    foreign_segments_ = true;
}

void sequence_index::add_segment(os& system, const std::string& path,
                                 unfinished_files& unfinished) {
  const std::string_view name = std::string_view(path).substr(path.rfind('/') + 1);
  count_run(name);
  if (!name.ends_with(part_suffix)) return;
  // Its name counts even so: what was written may have been taken away since.
  (segment_holds_nothing(system, path) ? unfinished.empty : unfinished.leftovers).push_back(path);
}

void sequence_index::add_file(os& system, const std::string& path, std::uint32_t date,
                              std::string_view prefix, unfinished_files& unfinished) {
  const std::string_view name = std::string_view(path).substr(path.rfind('/') + 1);
  archive_name parsed;
  if (name.ends_with(rewrite_suffix)) {
    const std::string_view of = name.substr(0, name.size() - rewrite_suffix.size());
    if (is_segment_path(of) || !parse_archive_name(of, parsed)) unfinished.copies.push_back(path);
    return;
  }
  if (is_segment_path(name)) {
    add_segment(system, path, unfinished);
    return;
  }
  // One that was set aside has records, too, even where nothing else of its run is left.
  const std::size_t aside = name.rfind(damaged_suffix);
  if (aside != std::string_view::npos && is_segment_path(name.substr(0, aside))) {
    count_run(name.substr(0, aside));
    return;
  }
  if (parse_archive_name(name, parsed) || !parsed.compressed) return;
  if (parsed.partial) {
    // Looked at now: a file that goes away must not leave a hole in its connection's sequence.
    const bool nothing = holds_nothing(system, path);
    (nothing ? unfinished.empty : unfinished.leftovers).push_back(path);
    if (nothing) return;
  }
  std::uint64_t cookie = 0;
  if (parsed.uuid.size() != prefix.size() + 17 || !parsed.uuid.starts_with(prefix) ||
      parse_uuid_cookie(parsed.uuid, cookie))
    return;
  const known_files file{cookie, parsed.sequence, date};
  if (std::binary_search(open_.begin(), open_.end(), cookie))
    files_.push_back(file);
  else
    add_other(file);
}

// The latest days come first, and with them the highest sequences. A connection that was rotated
// has many files.
void sequence_index::add_other(const known_files& file) {
  if (others_full_) return;
  others_.push_back(file);
  if (others_.size() < 2 * most_others_) return;
  make_unique(others_);
  others_full_ = others_.size() >= most_others_;
}

std::error_code sequence_index::read(os& system, const std::string& output, std::string_view prefix,
                                     std::vector<std::uint64_t> open,
                                     unfinished_files& unfinished) {
  files_.clear();
  others_.clear();
  others_full_ = false;
  foreign_segments_ = false;
  run_number_ = 0;
  open_ = std::move(open);
  std::sort(open_.begin(), open_.end());
  std::vector<day_folder> days;
  if (const auto ec = list_day_folders(system, output, days)) return ec;
  // The latest first: of other connections no more than these are kept.
  std::reverse(days.begin(), days.end());
  for (const day_folder& day : days) {
    const auto ec = system.list(day.path, [&](const directory_entry& file) {
      if (file.is_file) add_file(system, day.path + "/" + file.name, day.date, prefix, unfinished);
    });
    if (unless_gone(ec)) return ec;
  }
  // Where tcpinfo-dump pack puts them.
  const auto ec = system.list(output + "/.", [this](const directory_entry& entry) {
    if (entry.is_file && is_segment_path(entry.name)) foreign_segments_ = true;
  });
  if (unless_gone(ec)) return ec;
  // Segments that were packed, perhaps out of those of earlier runs: no run has had the hours since
  // 1970 for its number, unless the directory was here so long.
  if (foreign_segments_)
    run_number_ = std::max(run_number_, static_cast<std::uint64_t>(std::max<std::int64_t>(
                                            1, system.realtime_ns() / hour_ns)));
  make_unique(others_);
  if (others_.size() > most_others_) {
    std::nth_element(
        others_.begin(), others_.begin() + static_cast<std::ptrdiff_t>(most_others_), others_.end(),
        [](const known_files& a, const known_files& b) { return a.highest_date > b.highest_date; });
    others_.resize(most_others_);
  }
  files_.insert(files_.end(), others_.begin(), others_.end());
  std::vector<known_files>().swap(others_);
  make_unique(files_);
  files_.shrink_to_fit();
  std::vector<std::uint64_t>().swap(open_);
  return {};
}

const known_files* sequence_index::find(std::uint64_t cookie) const noexcept {
  const auto at = std::lower_bound(
      files_.begin(), files_.end(), cookie,
      [](const known_files& files, std::uint64_t wanted) { return files.cookie < wanted; });
  return at != files_.end() && at->cookie == cookie ? &*at : nullptr;
}

}  // namespace tcpinfo::collect
