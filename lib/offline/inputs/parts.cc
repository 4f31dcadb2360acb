// SPDX-License-Identifier: Apache-2.0
#include "offline/inputs/parts.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <utility>

namespace tcpinfo::offline {
namespace {

// @return false where the index does not tell.
bool select_ranges(int fd, const segment_selection& wanted, std::vector<file_range>& out) {
  std::size_t count = 0;
  do {
    out.resize(std::max(out.size(), count));
    if (select_blocks(fd, wanted, out, count)) return false;
  } while (count > out.size());
  out.resize(count);
  return true;
}

bool is_before(const timestamp& a, const timestamp& b) {
  return a.seconds < b.seconds || (a.seconds == b.seconds && a.nanoseconds < b.nanoseconds);
}

std::uint64_t bytes_of(const std::vector<file_range>& ranges) {
  std::uint64_t sum = 0;
  for (const file_range& r : ranges) sum += r.size;
  return sum;
}

}  // namespace

bool part_walk::limits() const noexcept {
  const segment_selection& w = options_.wanted;
  return w.cookie != 0 || !w.since.is_zero() || !w.until.is_zero();
}

// Where no time is limited all of a segment's times are within, and none without messages.
bool part_walk::is_outside(const segment_contents& all) const noexcept {
  const segment_selection& w = options_.wanted;
  if (all.has_others != 0) return false;
  if (all.first.is_zero()) return !w.since.is_zero() || !w.until.is_zero();
  return (!w.since.is_zero() && is_before(all.last, w.since)) ||
         (!w.until.is_zero() && is_before(w.until, all.first));
}

// @return false where the file is to be read as it is.
bool part_walk::divide(const std::string& path) {
  if (!path.ends_with(segment_suffix) || (!limits() && options_.most_bytes == 0)) return false;
  // A pipe of that name is not waited for.
  const auto file = std::make_shared<const held_file>(
      ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
  const int fd = file->fd();
  struct stat st {};
  segment_contents all;
  if (fd < 0 || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || read_index(fd, all)) return false;
  // What lines that are kept as text say of an archive holds for all that is behind them.
  together_ = options_.most_bytes == 0 || all.has_others != 0;
  if (!limits() && together_) return false;
  segment_selection wanted = options_.wanted;
  wanted.kinds = select_records;
  wanted.most_bytes = together_ ? 0 : options_.most_bytes;
  if (!is_outside(all) && !select_ranges(fd, wanted, ranges_)) {
    ranges_.clear();
    return false;
  }
  const std::uint64_t selected = bytes_of(ranges_);
  if (limits() && options_.passed != nullptr && !*options_.passed) {
    segment_selection everything;
    std::vector<file_range> records;
    if (select_ranges(fd, everything, records) && bytes_of(records) != selected)
      *options_.passed = true;
  }
  path_ = path;
  file_ = file;
  passed_bytes_ = static_cast<std::uint64_t>(st.st_size) - selected;
  return true;
}

bool part_walk::next(input_part& out) {
  out = {};
  while (at_ == ranges_.size()) {
    at_ = 0;
    ranges_.clear();
    file_.reset();
    std::string path;
    if (!files_.next(path)) return false;
    if (divide(path)) continue;
    out.path = std::move(path);
    return true;
  }
  out.path = path_;
  out.file = file_;
  if (together_) {
    out.ranges = ranges_;
    at_ = ranges_.size();
  } else {
    out.ranges = {ranges_[at_++]};
  }
  out.last = at_ == ranges_.size();
  if (out.last) out.passed_bytes = passed_bytes_;
  return true;
}

}  // namespace tcpinfo::offline
