// SPDX-License-Identifier: Apache-2.0
#include "offline/inputs/segment_summaries.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <tcpinfo/error.h>
#include <unistd.h>

#include <new>

#include "common/descriptor.h"
#include "offline/inputs/file_names.h"
#include "offline/inputs/owner_text.h"
#include "offline/inputs/walk.h"

namespace tcpinfo::offline {
namespace {

// A file cannot have more of them, and an index that says so is not worth the memory.
constexpr std::size_t most_bytes = std::size_t{1} << 30;

bool read_at(int fd, std::byte* to, std::size_t size, std::uint64_t offset) {
  while (size > 0) {
    const ssize_t n = ::pread(fd, to, size, static_cast<off_t>(offset));
    if (n <= 0) return false;
    to += n;
    size -= static_cast<std::size_t>(n);
    offset += static_cast<std::uint64_t>(n);
  }
  return true;
}

// Whether each record is within: of lines that are kept as text the index has no times.
bool are_all_wanted(const segment_contents& c, const summary_times& wanted) {
  if (!wanted.since && !wanted.until) return true;
  if (c.has_others != 0 || c.first.is_zero()) return false;
  using analysis::packed_time;
  return (!wanted.since || packed_time(c.first) >= packed_time(*wanted.since)) &&
         (!wanted.until || packed_time(c.last) < packed_time(*wanted.until));
}

}  // namespace

bool segment_summaries::read(const std::string& path, const summary_times& wanted) {
  held_.clear();
  held_all_ = true;
  damaged_ = false;
  const name_parts parts = take_apart(base_name(path));
  if (!parts.segment || parts.partial || path == stdin_path) return false;
  const descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct ::stat about {};
  if (!file || ::fstat(file.get(), &about) != 0 || !S_ISREG(about.st_mode)) return false;
  segment_contents contents;
  if (read_index(file.get(), contents) || contents.summaries == 0 ||
      contents.summarized != contents.records || !are_all_wanted(contents, wanted))
    return false;
  file_bytes_ = static_cast<std::uint64_t>(about.st_size);
  damaged_ = !load(file.get()) || !take_all(contents);
  if (damaged_) held_.clear();
  if (damaged_) held_all_ = true;
  return !damaged_;
}

std::error_code segment_summaries::read_block(bytes_view block) {
  held_.clear();
  held_all_ = true;
  damaged_ = false;
  segment_reader_options options;
  options.max_window_log = max_window_log_;
  if (const auto ec = reader_.open_memory(block, options)) return ec;
  segment_summary summary;
  for (bool more = true;;) {
    std::error_code ec = reader_.next_summary(summary, more);
    if (!ec && !more) return {};
    if (!ec && !take(reader_.archive(), summary)) ec = errc::bad_block;
    if (!ec) continue;
    held_.clear();
    return ec;
  }
}

bool segment_summaries::load(int fd) {
  segment_selection wanted;
  wanted.kinds = select_summaries;
  std::vector<file_range> parts(1024);
  std::size_t count = 0;
  if (select_blocks(fd, wanted, parts, count)) return false;
  if (count > parts.size()) {
    parts.resize(count);
    if (select_blocks(fd, wanted, parts, count) || count > parts.size()) return false;
  }
  parts.resize(count);
  std::size_t size = 0;
  for (const file_range& p : parts) {
    if (p.size > most_bytes - size) return false;
    size += p.size;
  }
  bytes_.resize(size);
  std::size_t at = 0;
  for (const file_range& p : parts) {
    if (!read_at(fd, bytes_.data() + at, p.size, p.offset)) return false;
    at += p.size;
  }
  return true;
}

bool segment_summaries::open() {
  segment_reader_options options;
  options.max_window_log = max_window_log_;
  return !reader_.open_memory(bytes_view(bytes_), options);
}

// Nothing is handed on before all of it is known to be right. A small file may hold millions.
bool segment_summaries::take_all(const segment_contents& contents) {
  if (!open()) return false;
  records_ = 0;
  std::uint64_t count = 0;
  segment_summary summary;
  for (bool more = true;; ++count) {
    if (reader_.next_summary(summary, more)) return false;
    if (!more) break;
    if (held_.size() == most_held_) {
      held_.clear();
      held_all_ = false;
    }
    if (!take(reader_.archive(), summary)) return false;
    records_ += held_.back().summary.count();
    if (!held_all_) held_.clear();
  }
  if (count != contents.summaries || records_ != contents.records) return false;
  return held_all_ || open();
}

// Whether there is one to hand on. The reader gives what it gave before.
bool segment_summaries::fill() {
  if (!held_.empty()) return true;
  if (held_all_) return false;
  segment_summary summary;
  bool more = true;
  if (reader_.next_summary(summary, more)) throw std::bad_alloc();
  held_all_ = !more;
  return more && take(reader_.archive(), summary);
}

// False where the archive does not say which connection it is of.
bool segment_summaries::take(const segment_archive& archive, const segment_summary& summary) {
  if (archive.about == nullptr || archive.about->uuid.empty()) return false;
  const metadata& about = *archive.about;
  held& h = held_.emplace_back();
  h.summary.load(summary, about.start_time, names_);
  h.uuid = about.uuid;
  h.sequence = about.sequence;
  h.start_time = about.start_time;
  h.opened = about.opened;
  h.host = names_.number(about.host);
  h.netns = names_.number(about.netns);
  h.run = names_.number(about.run);
  h.owner = names_.number(owner_text(about));
  return true;
}

}  // namespace tcpinfo::offline
