// SPDX-License-Identifier: Apache-2.0
#include "offline/inputs/following/follower.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <tcpinfo/segment.h>
#include <algorithm>
#include <cerrno>
#include <limits>
#include <system_error>
#include <utility>

#include "common/message_of.h"
#include "common/zstd_magic.h"
#include "offline/inputs/file_names.h"
#include "offline/inputs/sources/memory_source.h"

namespace tcpinfo::offline {
namespace {

constexpr std::string_view part_ending = ".part";
constexpr std::size_t first_portion = std::size_t{256} << 10;
constexpr std::size_t largest_portion = std::size_t{64} << 20;
// By so much the clock that files are stamped by may be behind, with room to spare.
constexpr std::int64_t stamp_lag_ns = 5'000'000'000;
constexpr std::int64_t remembered_ns = 30'000'000'000;

std::int64_t wall_clock_ns() {
  timespec t{};
  clock_gettime(CLOCK_REALTIME, &t);
  return std::int64_t{t.tv_sec} * 1'000'000'000 + t.tv_nsec;
}

bool names_segment(std::string_view name) {
  take_ending(name, part_ending);
  return name.ends_with(segment_suffix);
}

bool is_ours(std::string_view name) { return is_archive_name(name) || names_segment(name); }

bool begins_frame(bytes_view bytes) {
  return zstd_magic::is_frame(bytes) || zstd_magic::is_skippable(bytes);
}

held_file open_file(const std::string& path) {
  return held_file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
}

std::size_t read_at(int fd, std::span<std::byte> out, std::uint64_t offset) {
  std::size_t size = 0;
  while (size < out.size()) {
    const ssize_t n =
        ::pread(fd, out.data() + size, out.size() - size, static_cast<off_t>(offset + size));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    size += static_cast<std::size_t>(n);
  }
  return size;
}

}  // namespace

follower::follower(std::string folder, const follow_reading& options, record_callback on_record,
                   fault_callback on_fault)
    : on_record_(std::move(on_record)),
      on_fault_(std::move(on_fault)),
      folder_(std::move(folder)),
      watch_(
          folder_, [this](const std::string& path, file_change change) { hear(path, change); },
          [this](const std::string& path, std::string_view what) {
            if (!on_fault_({path, 0, what})) stopped_ = true;
          }),
      reader_([this](const input_fault& f) { return hear_fault(f); },
              {.max_window_log = options.max_window_log, .all_faults = options.all_faults}),
      buffer_(first_portion),
      tells_(options.from_start) {
  if (const auto ec = frames_.create(1)) throw std::system_error(ec);
}

void follower::begin_round() {
  before_ns_ = std::exchange(round_ns_, wall_clock_ns());
  if (round_ns_ - turned_ns_ < remembered_ns && round_ns_ >= turned_ns_) return;
  turned_ns_ = round_ns_;
  finished_before_ = std::exchange(finished_, {});
}

bool follower::begin() {
  begin_round();
  if (!watch_.look()) return false;
  begun_ = true;
  // Where only looking tells, a second look remembers what is there, so that no later one tells it.
  if (watch_.due_ns() != std::numeric_limits<std::int64_t>::max() && !watch_.look()) return false;
  const bool is_there = take();
  tells_ = true;
  return is_there;
}

bool follower::take() {
  begin_round();
  const bool is_there = watch_.take();
  if (!is_there && !stopped_) on_fault_({folder_, 0, "the folder is gone"});
  return is_there && !stopped_;
}

void follower::finish(const std::string& name) { finished_.insert(std::hash<std::string>()(name)); }
bool follower::is_finished(const std::string& name) const {
  const std::size_t key = std::hash<std::string>()(name);
  return finished_.contains(key) || finished_before_.contains(key);
}

// Whether a complete file that was not seen to grow was written since the last round.
bool follower::is_new(const std::string& path) const {
  struct stat st {};
  if (::stat(path.c_str(), &st) != 0) return false;
  const std::int64_t written = std::int64_t{st.st_mtim.tv_sec} * 1'000'000'000 + st.st_mtim.tv_nsec;
  return written >= before_ns_ - stamp_lag_ns;
}

void follower::hear(const std::string& path, file_change change) {
  if (stopped_ || !is_ours(base_name(path))) return;
  std::string_view name = path;
  if (take_ending(name, part_ending)) return read_growing(std::string(name));
  if (change == file_change::gone) return;
  if (const auto found = growing_.find(path); found != growing_.end())
    return read_complete(path, found->second);
  if (is_finished(path)) return;
  // What is there at the beginning is read from its start or not at all.
  const bool wanted = change == file_change::named ||
                      (change == file_change::found && (begun_ ? is_new(path) : tells_));
  if (wanted && !tells_)
    finish(path);
  else if (wanted)
    read_whole(path);
}

void follower::read_growing(const std::string& name) {
  const std::string path = name + std::string(part_ending);
  const auto found = growing_.find(name);
  const bool is_known = found != growing_.end();
  const bool holds = is_known && found->second.held.fd() >= 0;
  held_file file = open_file(path);
  const int error = errno;
  struct stat st {};
  if (file.fd() < 0 || ::fstat(file.fd(), &st) != 0 || !S_ISREG(st.st_mode)) {
    // It has its other name by now, or was put aside.
    if (is_known) return read_complete(name, found->second);
    if (file.fd() < 0 && error != ENOENT)
      if (!on_fault_({path, 0, message_of(error)})) stopped_ = true;
    return;
  }
  if (!is_known && is_finished(name)) return;
  growing& g = is_known ? found->second : growing_[name];
  file_tail& tail = g.tail;
  if (tail.is_over) return;
  const std::uint64_t inode = st.st_ino;
  if (tail.inode != 0 && tail.inode != inode) {
    if (holds) {
      read_on(g.held.fd(), path, tail, false);
      g.held = held_file();
      tail.is_over = true;
      return;
    }
    // The same lines in other frames.
    tail.skipped = tail.lines;
    tail.offset = tail.lines = 0;
    tail.head.clear();
  }
  tail.inode = inode;
  read_on(file.fd(), path, tail, false);
  if (!holds && names_segment(name)) g.held = std::move(file);
}

// A file that was seen to grow and has its final name now, or is gone.
void follower::read_complete(const std::string& name, growing& g) {
  file_tail& tail = g.tail;
  if (g.held.fd() >= 0) {
    read_on(g.held.fd(), name + std::string(part_ending), tail, false);
    tail.is_over = true;
  }
  held_file file;
  struct stat st {};
  if (!tail.is_over) file = open_file(name);
  if (file.fd() >= 0 && ::fstat(file.fd(), &st) == 0 && S_ISREG(st.st_mode)) {
    if (tail.inode != st.st_ino) {
      tail.skipped = tail.lines;
      tail.offset = tail.lines = 0;
      tail.head.clear();
    }
    read_on(file.fd(), name, tail, true);
  }
  finish(name);
  growing_.erase(name);
}

void follower::read_whole(const std::string& name) {
  finish(name);
  first_line_ = known_lines_ = 0;
  std::optional<bool> wanted;
  for (bool any = reader_.open(name); any && !stopped_; any = reader_.open_next())
    while (!stopped_ && reader_.next(record_))
      if (!on_record_(record_, wanted)) stopped_ = true;
}

void follower::read_on(int fd, const std::string& path, file_tail& tail, bool is_complete) {
  while (!stopped_) {
    const std::size_t size = read_at(fd, buffer_, tail.offset);
    if (size == 0) return;
    const bool is_rest = size < buffer_.size();
    const bytes_view bytes = bytes_view(buffer_).first(size);
    const std::size_t whole = is_complete && is_rest ? size : readable_now(bytes);
    if (whole == 0) {
      if (is_rest) return;
      if (buffer_.size() >= largest_portion) {
        on_fault_({path, 0, "a frame is too large to be followed: the rest is passed over"});
        tail.is_over = true;
        return;
      }
      buffer_.resize(buffer_.size() * 2);
      continue;
    }
    feed(path, tail, bytes.first(whole));
    tail.offset += whole;
    if (is_rest) return;
  }
}

void follower::feed(const std::string& path, file_tail& tail, bytes_view bytes) {
  const bool is_segment = names_segment(path);
  // A block of a segment says itself what it holds; nothing needs to be known of those before.
  if (is_segment && !tells_) return;
  const bool has_head = !tail.head.empty();
  first_line_ = is_segment ? 0 : tail.lines - (has_head ? 1 : 0);
  known_lines_ = tail.skipped;
  last_line_ = 0;
  memory_source source(tail.head, bytes);
  if (reader_.open(source, path, is_segment && tail.offset > 0))
    while (!stopped_ && reader_.next(record_)) {
      last_line_ = std::max(last_line_, record_.line);
      if (has_head && record_.line == 1) continue;
      if (record_.is_metadata && !is_segment && tail.head.empty() && tail.lines == 0 &&
          record_.parsed != nullptr)
        keep_head(tail, *record_.parsed, !begins_frame(bytes));
      if (!is_segment && first_line_ + record_.line <= known_lines_) continue;
      if (tells_ && !on_record_(record_, tail.wanted)) stopped_ = true;
    }
  (void)reader_.open_next();  // the end of its faults
  tail.lines = first_line_ + std::max<std::uint64_t>(last_line_, has_head ? 1 : 0);
}

// What later frames of the file are read behind.
void follower::keep_head(file_tail& tail, const record& metadata, bool plain) {
  line_.resize(max_record_size(metadata));
  std::size_t size = 0;
  if (encode_record(line_, size, metadata)) return;
  const auto text = std::as_bytes(std::span(line_)).first(size);
  if (plain) {
    tail.head.assign(text.begin(), text.end());
    return;
  }
  tail.head.resize(frame_writer::bound(size));
  if (frames_.compress(text, tail.head, size)) size = 0;
  tail.head.resize(size);
  tail.head.shrink_to_fit();
}

// Faults are told with the number of the line in the file, and once.
bool follower::hear_fault(const input_fault& f) {
  last_line_ = std::max(last_line_, f.line);
  const std::uint64_t line = f.line == 0 ? 0 : first_line_ + f.line;
  if (!tells_ || (line != 0 && line <= known_lines_)) return true;
  input_fault told = f;
  told.line = line;
  const bool goes_on = on_fault_(told);
  if (!goes_on) stopped_ = true;
  return goes_on;
}

}  // namespace tcpinfo::offline
