// SPDX-License-Identifier: Apache-2.0
#include "collect/archive_writer.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>

namespace tcpinfo::collect {
namespace {

// 64 KiB of snapshots are about 120 records and make a frame of 130 KiB of text: large enough to
// compress within a few percent of a whole file in one frame.
constexpr std::size_t full_bytes = std::size_t{64} << 10;
// A buffer this small is kept between flushes: a connection that has one record a second would
// otherwise allocate each time.
constexpr std::size_t keep_bytes = 1024;

constexpr std::size_t padded(std::size_t n) noexcept { return (n + 7) & ~std::size_t{7}; }

// Doubles up to what a full frame needs with a little to spare; beyond (nothing can be written) by
// half.
std::size_t next_capacity(std::size_t now) noexcept {
  constexpr std::size_t enough = full_bytes + full_bytes / 8;
  return now < enough ? std::min(2 * now, enough) : now + now / 2;
}

bool is_errno(const std::error_code& ec, int value) noexcept {
  return ec.category() == std::system_category() && ec.value() == value;
}

}  // namespace

std::error_code archive_writer::open() { return frames_.create(context_.settings.level); }

std::string_view archive_writer::uuid_of(const flow_log& flow) {
  return {uuid_, format_uuid(context_.who.uuid_prefix, flow.cookie, uuid_)};
}

void archive_writer::begin(flow_log& flow, std::uint64_t cookie, std::int64_t time_ns) {
  flow.cookie = cookie;
  flow.first_seen = timestamp::from_unix_nanoseconds(time_ns);
  flow.file_date_ns = time_ns;
  const known_files* earlier = context_.earlier.find(cookie);
  if (earlier == nullptr) return;
  flow.sequence = earlier->highest + 1;
  timestamp start;
  if (read_start(*earlier, uuid_of(flow), start)) flow.first_seen = start;
}

// StartTime of an earlier run's file, which may be complete or still on its way to be.
bool archive_writer::read_start(const known_files& files, std::string_view uuid, timestamp& out) {
  const std::string path =
      fmt::format("{}/{:04}/{:02}/{:02}/{}.{:05}.jsonl.zst", context_.settings.output,
                  files.highest_date / 10000, files.highest_date / 100 % 100,
                  files.highest_date % 100, uuid, files.highest);
  // Once more after .part: it may be completed between the two looks.
  int fd = -1;
  if (context_.system.open_read(path, fd) &&
      context_.system.open_read(path + std::string(part_suffix), fd) &&
      context_.system.open_read(path, fd))
    return false;
  const std::unique_ptr<int, void (*)(int*)> closer(&fd, [](int* open) { ::close(*open); });
  archive_reader reader;
  if (reader.open_fd(fd)) return false;
  record first;
  bool more = false;
  metadata found;
  if (reader.next(first, more) || !more || !first.get_metadata(found)) return false;
  out = found.start_time;
  return true;
}

void archive_writer::next_file(flow_log& flow) {
  ++flow.sequence;
  flow.file_size = 0;
  flow.file_text = 0;
  flow.file_frames = 0;
  flow.file_since_ns = 0;
}

void archive_writer::add(flow_log& flow, const snapshot_header& header, bytes_view message,
                         std::int64_t now_ns) {
  const bool has_file = flow.file_size > 0 || flow.waiting_records > 0;
  const bool old =
      now_ns - flow.file_since_ns >= context_.settings.rotate_ns && now_ns >= flow.retry_ns;
  const bool moved =
      header.kind == snapshot_kind::moved || header.kind == snapshot_kind::moved_final;
  if (has_file && (old || moved)) {
    // Where the old file cannot be finished now, it simply goes on.
    if (complete(flow)) flow.file_date_ns = header.time_ns;
  }
  if (flow.file_size == 0 && flow.waiting_records == 0) flow.file_since_ns = now_ns;
  if (flow.waiting_records == 0) flow.waiting_since_ns = now_ns;

  const std::size_t at = flow.waiting.size();
  const std::size_t need = at + sizeof header + padded(message.size());
  if (flow.waiting.capacity() < need)
    flow.waiting.reserve(std::max(next_capacity(flow.waiting.capacity()), need));
  flow.waiting.resize(need);
  snapshot_header stored = header;
  stored.size = static_cast<std::uint32_t>(message.size());
  std::memcpy(flow.waiting.data() + at, &stored, sizeof stored);
  std::memcpy(flow.waiting.data() + at + sizeof stored, message.data(), message.size());
  ++flow.waiting_records;
}

bool archive_writer::is_full(const flow_log& flow) noexcept {
  return flow.waiting.size() >= full_bytes;
}

bool archive_writer::flush(flow_log& flow) {
  const bool full = is_full(flow);
  while (flow.waiting_records > 0) {
    if (const auto ec = write_frame(flow)) {
      context_.counts.write_errors.add();
      std::uint64_t held_back = 0;
      if (limit_.allow(context_.system.monotonic_ns(), held_back))
        log("cannot write {}: {} (its records wait; {} more such since the last line)", part_,
            ec.message(), held_back);
      return false;
    }
  }
  // A busy connection fills its buffer again at once; others give the memory back.
  if ((!full && flow.waiting.capacity() > keep_bytes) || flow.waiting.capacity() > 2 * full_bytes)
    std::vector<std::byte>().swap(flow.waiting);
  return true;
}

bool archive_writer::complete(flow_log& flow) {
  if (!flush(flow)) return false;
  if (flow.file_size == 0) return true;
  make_path(flow);
  context_.complete.add({.part = part_,
                         .size = flow.file_size,
                         .text_bytes = flow.file_text,
                         .frames = flow.file_frames});
  next_file(flow);
  return true;
}

void archive_writer::drop_waiting(flow_log& flow) {
  context_.counts.lost_write.add(flow.waiting_records);
  std::vector<std::byte>().swap(flow.waiting);
  flow.waiting_records = 0;
}

void archive_writer::make_path(const flow_log& flow) {
  char relative[max_archive_path_size];
  std::size_t directory_size = 0;
  const std::size_t size =
      format_archive_path(timestamp::from_unix_nanoseconds(flow.file_date_ns), uuid_of(flow),
                          flow.sequence, relative, &directory_size);
  path_.assign(context_.settings.output).append("/").append(relative, size);
  directory_.assign(path_, 0, path_.size() - size + directory_size);
  part_.assign(path_).append(part_suffix);
}

// The first sequence from flow.sequence on of which no file exists: an earlier file is never
// touched.
void archive_writer::choose_sequence(flow_log& flow) {
  make_path(flow);
  while (context_.system.exists(path_) || context_.system.exists(part_)) {
    if (flow.sequence == 0) flow.file_date_ns = context_.system.realtime_ns();
    ++flow.sequence;
    make_path(flow);
  }
}

void archive_writer::put_metadata(const flow_log& flow) {
  metadata m;
  m.uuid = uuid_of(flow);
  m.sequence = flow.sequence;
  m.start_time = flow.first_seen;
  m.host = context_.who.host;
  m.kernel = context_.who.kernel;
  m.collector = context_.who.collector;
  m.interval = context_.who.interval;
  m.run = context_.who.run;
  text_.resize(std::max(text_.size(), max_metadata_size(m)));
  std::size_t written = 0;
  // It cannot fail: the buffer suffices, and only times out of a clock come here.
  (void)encode_metadata(text_, written, m);
  text_size_ = written;
}

// Encodes the oldest snapshots that wait, as many as make a full frame.
archive_writer::portion archive_writer::encode(const flow_log& flow) {
  text_size_ = 0;
  if (flow.file_size == 0) put_metadata(flow);
  portion taken;
  while (taken.bytes < flow.waiting.size() && taken.bytes < full_bytes) {
    snapshot_header header;
    std::memcpy(&header, flow.waiting.data() + taken.bytes, sizeof header);
    taken.bytes += sizeof header;
    const message m{bytes_view(flow.waiting.data() + taken.bytes, header.size)};
    taken.bytes += padded(header.size);
    const std::size_t need = text_size_ + max_record_size(m);
    if (text_.size() < need) text_.resize(std::max(need, 2 * text_.size()));
    std::size_t written = 0;
    if (encode_record(std::span(text_).subspan(text_size_), written,
                      timestamp::from_unix_nanoseconds(header.time_ns), m, header.poll,
                      &taken.notes))
      ++taken.refused;
    text_size_ += written;
    ++taken.records;
  }
  return taken;
}

void archive_writer::take_away(flow_log& flow, const portion& written) {
  flow.waiting.erase(flow.waiting.begin(),
                     flow.waiting.begin() + static_cast<std::ptrdiff_t>(written.bytes));
  flow.waiting_records -= written.records;
  context_.counts.records.add(written.records - written.refused);
  context_.counts.lost_write.add(written.refused);
  context_.counts.duplicate_attributes.add(written.notes.duplicates);
  context_.counts.unread_bytes.add(written.notes.unread_bytes);
}

std::error_code archive_writer::append(flow_log& flow, bytes_view frame) {
  std::error_code ec = context_.system.append(part_, frame, flow.file_size);
  if (is_errno(ec, ENOENT) && flow.file_size == 0) {
    // The day's first file, or its folder was taken away.
    if (const auto made = context_.system.make_directories(directory_)) return made;
    ec = context_.system.append(part_, frame, 0);
  }
  return ec;
}

std::error_code archive_writer::write_frame(flow_log& flow) {
  for (;;) {
    if (flow.file_size == 0)
      choose_sequence(flow);
    else
      make_path(flow);
    const portion encoded = encode(flow);
    frame_.resize(std::max(frame_.size(), frame_writer::bound(text_size_)));
    std::size_t written = 0;
    if (const auto ec =
            frames_.compress(std::as_bytes(std::span(text_.data(), text_size_)), frame_, written))
      return ec;
    const auto ec = append(flow, bytes_view(frame_.data(), written));
    if (!ec) {
      if (flow.file_size == 0) context_.counts.files_created.add();
      flow.file_size += written;
      flow.file_text += text_size_;
      ++flow.file_frames;
      take_away(flow, encoded);
      context_.counts.frames.add();
      context_.counts.bytes_written.add(written);
      return {};
    }
    // Somebody made a file of that name, or took ours away, or changed it: what waits goes into a
    // file of its own, and the other is not touched.
    const bool taken = flow.file_size == 0 && is_errno(ec, EEXIST);
    const bool changed = flow.file_size > 0 && (is_errno(ec, ESTALE) || is_errno(ec, ENOENT));
    if (!taken && !changed) return ec;
    // What is whole in a file that got a torn end (a full disk that would not even cut it) is kept.
    if (is_errno(ec, ESTALE)) context_.complete.add({.part = part_, .leftover = true});
    next_file(flow);
    flow.file_date_ns = context_.system.realtime_ns();
  }
}

}  // namespace tcpinfo::collect
