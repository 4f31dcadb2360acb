// SPDX-License-Identifier: Apache-2.0
#include "collect/serving/recent_records.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <tcpinfo/segment.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <limits>
#include <span>
#include <utility>

#include "collect/os/descriptor.h"
#include "collect/writing/file_names.h"
#include "common/zstd_magic.h"

namespace tcpinfo::collect {
namespace {

// Of a segment, in which a connection has records: of 256 MiB these are all blocks.
constexpr std::size_t most_ranges = 4096;

descriptor open_recording(const std::string& path) {
  return descriptor(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
}

// As many as there are, up to all that are asked for.
std::vector<std::byte> read_range(int file, std::uint64_t from, std::uint64_t to) {
  std::vector<std::byte> bytes(static_cast<std::size_t>(to - from));
  std::size_t at = 0;
  while (at < bytes.size()) {
    const ssize_t n =
        ::pread(file, bytes.data() + at, bytes.size() - at, static_cast<off_t>(from + at));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    at += static_cast<std::size_t>(n);
  }
  bytes.resize(at);
  return bytes;
}

// Where the first frame begins in what was cut out of a file.
bytes_view from_first_frame(bytes_view bytes) noexcept {
  while (!bytes.empty() && !zstd_magic::is_frame(bytes)) bytes = bytes.subspan(1);
  return bytes;
}

}  // namespace

void recent_records::take(const recent_answer& said) {
  for (const recent_answer::flow& one : said.flows) flows_.try_emplace(one.cookie);
  for (const recent_answer::flow& one : said.flows) {
    // A complete file has what waited, too.
    if (one.file.complete.empty() || !read_file(one.file))
      read(std::as_bytes(std::span(one.lines)));
  }
  bool complete = false;
  // One of size 0 is the file before: what waits is not in it.
  for (const asked_file& file : said.shared) complete = read_file(file) && file.size != 0;
  if (!complete && !said.frames.empty()) read(said.frames);
}

// Of a complete segment only the blocks that may have something of these connections. False where
// there is no index: it is to be read otherwise.
bool recent_records::read_by_index(int file) {
  std::vector<file_range> ranges(most_ranges);
  for (const auto& [cookie, of] : flows_) {
    segment_selection wanted;
    wanted.cookie = cookie;
    std::size_t count = 0;
    if (select_blocks(file, wanted, ranges, count)) {
      only_ = 0;
      return false;
    }
    // The latest ones, where there are too many.
    std::size_t first = std::min(count, ranges.size());
    std::uint64_t bytes = 0;
    while (first > 0 && (bytes += ranges[first - 1].size) <= most_bytes) --first;
    // Blocks have others' records, too, which come with blocks of their own.
    only_ = cookie;
    for (; first < std::min(count, ranges.size()); ++first) {
      const file_range& one = ranges[first];
      read(read_range(file, one.offset, one.offset + std::min(one.size, most_bytes)));
    }
  }
  only_ = 0;
  return true;
}

/// @return whether it is complete by now, and has more than the writer told of.
bool recent_records::read_file(const asked_file& file) {
  const std::string part = file.complete + std::string(part_suffix);
  bool complete = false;
  descriptor opened = open_recording(part);
  if (!opened) {
    opened = open_recording(file.complete);
    complete = true;
  }
  struct stat status {};
  if (!opened || ::fstat(opened.get(), &status) != 0 || !S_ISREG(status.st_mode)) return false;
  const auto there = static_cast<std::uint64_t>(status.st_size);
  const std::uint64_t end = complete || file.size == 0 ? there : std::min(there, file.size);
  if (complete && read_by_index(opened.get())) return true;
  // The finalizer may have put the frames of a complete one together.
  std::uint64_t from = complete ? 0 : std::min(file.from, end);
  const bool cut = end - from > most_bytes;
  if (cut) from = end - most_bytes;
  if (cut) read_about(read_range(opened.get(), 0, head_bytes));
  const std::vector<std::byte> bytes = read_range(opened.get(), from, end);
  read(cut ? from_first_frame(bytes) : bytes_view(bytes));
  return complete;
}

void recent_records::read(bytes_view bytes) {
  record_reader reader;
  if (bytes.empty() || reader.open_memory(bytes)) return;
  record r;
  about_cookie_ = 0;
  for (bool more = true;;) {
    // A fault costs what is damaged: reading goes on behind it.
    const auto ec = reader.next(r, more);
    if (!more) return;
    if (!ec) put(r);
  }
}

// The metadata records alone that a file begins with: the records behind them are not the latest.
void recent_records::read_about(bytes_view bytes) {
  record_reader reader;
  if (bytes.empty() || reader.open_memory(bytes)) return;
  record r;
  metadata about;
  for (bool more = true; !reader.next(r, more) && more && r.get_metadata(about);) put(r);
}

void recent_records::put(const record& r) {
  metadata about;
  const bool is_metadata = r.get_metadata(about);
  if (is_metadata && parse_uuid_cookie(about.uuid, about_cookie_)) about_cookie_ = 0;
  if (!is_metadata && r.view().bytes.empty()) return;
  const std::uint64_t cookie = is_metadata ? about_cookie_ : r.view().id().cookie;
  const auto found = flows_.find(cookie);
  if (found == flows_.end() || (only_ != 0 && cookie != only_)) return;
  flow& of = found->second;
  std::string text(max_record_size(r), '\0');
  std::size_t size = 0;
  if (encode_record(text, size, r)) return;
  text.resize(size);
  if (is_metadata) {
    of.about = std::move(text);
    return;
  }
  of.lines.push_back({r.time().unix_nanoseconds().value_or(0), std::move(text)});
  if (of.lines.size() > most_asked_records) of.lines.pop_front();
}

std::string recent_records::lines() const {
  std::int64_t latest_ns = std::numeric_limits<std::int64_t>::min();
  std::vector<std::int64_t> times;
  for (const auto& [cookie, of] : flows_)
    for (const line& one : of.lines) {
      latest_ns = std::max(latest_ns, one.time_ns);
      times.push_back(one.time_ns);
    }
  std::int64_t from_ns = times.empty() ? 0 : latest_ns - span_ns;
  if (times.size() > most_asked_records) {
    const auto nth = times.end() - static_cast<std::ptrdiff_t>(most_asked_records);
    std::nth_element(times.begin(), nth, times.end());
    from_ns = std::max(from_ns, *nth);
    // Of those that share the oldest time there may be too many: then none of them is told.
    const auto told = std::count_if(times.begin(), times.end(),
                                    [from_ns](std::int64_t time) { return time >= from_ns; });
    if (static_cast<std::size_t>(told) > most_asked_records) ++from_ns;
  }
  std::string all;
  for (const auto& [cookie, of] : flows_) {
    const auto wanted = [from_ns](const line& one) { return one.time_ns >= from_ns; };
    if (std::none_of(of.lines.begin(), of.lines.end(), wanted)) continue;
    all += of.about;
    for (const line& one : of.lines)
      if (wanted(one)) all += one.text;
  }
  return all;
}

}  // namespace tcpinfo::collect
