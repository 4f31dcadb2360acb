// SPDX-License-Identifier: Apache-2.0
#include "collect/writing/archive_writer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>

#include "collect/os/descriptor.h"
#include "collect/writing/file_names.h"
#include "common/errno_of.h"

namespace tcpinfo::collect {
namespace {

// 160 KiB of snapshots are about 290 records and make a frame of 320 KiB of text: large enough to
// compress within a few percent of a whole file in one frame, and to make little of what opening
// and closing a file costs.
constexpr std::size_t full_bytes = std::size_t{160} << 10;

// A new file would fare no better.
bool concerns_all_files(const std::error_code& ec) noexcept {
  if (ec.category() != std::system_category()) return true;
  switch (ec.value()) {
    case ENOSPC:
    case EDQUOT:
    case EROFS:
    case EMFILE:
    case ENFILE:
    case ENOMEM:
    case EWOULDBLOCK:  // of the output's lock
      return true;
    default:
      return false;
  }
}

timestamp opening_of(const snapshot_header& first) noexcept {
  return first.opened_ns == 0 ? timestamp() : timestamp::from_unix_nanoseconds(first.opened_ns);
}

}  // namespace

std::error_code archive_writer::open() { return frames_.create(context_.settings.level); }

std::string_view archive_writer::uuid_of(const flow_log& flow) {
  return {uuid_, format_uuid(context_.prefixes.get(flow.prefix), flow.cookie, uuid_)};
}

void archive_writer::begin(flow_log& flow, const snapshot_header& first) {
  flow.cookie = first.cookie;
  flow.prefix = first.prefix;
  flow.netns = context_.namespaces.get(first.netns);
  flow.first_seen = timestamp::from_unix_nanoseconds(first.time_ns);
  flow.opened = opening_of(first);
  flow.file_date_ns = first.time_ns;
  // Earlier files are those of the prefix the collector began with.
  const known_files* earlier = first.prefix == 0 ? context_.earlier.find(first.cookie) : nullptr;
  if (earlier == nullptr) return;
  flow.sequence = earlier->highest + 1;
  read_start(*earlier, uuid_of(flow), flow);
  if (first.kind == snapshot_kind::final) keep_last(*earlier, uuid_of(flow));
}

// An earlier run's file, which may be complete or still on its way to be.
descriptor archive_writer::open_earlier(const known_files& files, std::string_view uuid) {
  const std::string path =
      fmt::format("{}/{:04}/{:02}/{:02}/{}.{:05}.jsonl.zst", context_.settings.output,
                  files.highest_date / 10000, files.highest_date / 100 % 100,
                  files.highest_date % 100, uuid, files.highest);
  // Once more after .part: it may be completed between the two looks.
  int fd = -1;
  if (context_.system.open_read(path, fd) &&
      context_.system.open_read(path + std::string(part_suffix), fd) &&
      context_.system.open_read(path, fd))
    return descriptor();
  return descriptor(fd);
}

// Its StartTime and Opened.
void archive_writer::read_start(const known_files& files, std::string_view uuid, flow_log& flow) {
  const descriptor file = open_earlier(files, uuid);
  archive_reader reader;
  if (!file || reader.open_fd(file.get())) return;
  record first;
  bool more = false;
  metadata found;
  if (reader.next(first, more) || !more || !first.get_metadata(found)) return;
  flow.first_seen = found.start_time;
  if (flow.opened.is_zero()) flow.opened = found.opened;
}

// The last message of an earlier run's file, for a final one that lacks what the kernel has
// cleared. Where it cannot be had the final one is recorded as it is.
void archive_writer::keep_last(const known_files& files, std::string_view uuid) {
  const descriptor file = open_earlier(files, uuid);
  archive_reader reader;
  if (!file || reader.open_fd(file.get()) || earlier_.reset({})) return;
  record one;
  flow_update last;
  bool more = true;
  for (std::int64_t number = 1; !reader.next(one, more) && more; ++number)
    if (one.has_idm() && !earlier_.update(one.view(), number, last)) (void)earlier_.commit(last);
}

// What the final message lacks is taken from the one that begin() has kept, if any.
bytes_view archive_writer::completed(snapshot_header& header, bytes_view final) {
  flow_update update;
  message last;
  if (header.kind != snapshot_kind::final || !earlier_.find(header.cookie, last) ||
      earlier_.destroyed({final}, 0, update) || update.moved != 0)
    return final;
  earlier_.erase(header.cookie);
  if ((update.carried & attribute_bit(attribute_type::info)) != 0)
    context_.counts.cleared_finals.add();
  header.carried = update.carried;
  return update.current.bytes;
}

void archive_writer::next_file(flow_log& flow) {
  ++flow.sequence;
  flow.file_size = 0;
  flow.file_text = 0;
  flow.file_frames = 0;
  flow.file_since_ns = context_.system.monotonic_ns();
}

void archive_writer::add(flow_log& flow, const snapshot_header& header, bytes_view message,
                         std::int64_t now_ns) {
  const bool has_file = flow.file_size > 0 || flow.waiting_records > 0;
  const bool old = now_ns - flow.file_since_ns >= context_.settings.rotate_ns;
  const bool moved =
      header.kind == snapshot_kind::reused || header.kind == snapshot_kind::reused_final;
  if (has_file && (old || moved) && now_ns >= flow.retry_ns) {
    // Where the old file cannot be finished now, it simply goes on, and it is tried again later,
    // not with every record.
    if (complete(flow))
      flow.file_date_ns = header.time_ns;
    else
      flow.retry_ns = now_ns + write_retry_ns;
  }
  if (flow.file_size == 0 && flow.waiting_records == 0) {
    flow.file_since_ns = now_ns;
    // The socket's next connection has an opening of its own, or none that was told.
    if (moved) flow.opened = opening_of(header);
  }
  if (flow.waiting_records == 0) flow.waiting_since_ns = now_ns;

  snapshot_header stored = header;
  const bytes_view whole = completed(stored, message);
  flow.netns->addresses.apply(flow.waiting.add(stored, whole));
  ++flow.waiting_records;
}

bool archive_writer::is_full(const flow_log& flow) noexcept {
  return flow.waiting.bytes() >= full_bytes;
}

bool archive_writer::flush(flow_log& flow) {
  while (!flow.waiting.empty()) {
    if (const auto ec = write_frame(flow)) {
      context_.counts.write_errors.add(ec);
      context_.limits.write.log(
          context_.system.monotonic_ns(), event::write_failed, {part_, ec},
          "cannot write {}: {} (its records wait, and it is tried again)", part_,
          is_errno(ec, EWOULDBLOCK) ? "another collector has the output directory" : ec.message());
      return false;
    }
  }
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

void archive_writer::drop_waiting(flow_log& flow, std::string_view why) {
  const std::uint32_t records = std::exchange(flow.waiting_records, 0);
  context_.counts.lost_write.add(records);
  flow.waiting.clear();
  if (records > 0) {
    make_path(flow);
    context_.limits.drop.log(
        context_.system.monotonic_ns(), event::records_dropped, {.file = part_},
        "{} records of {} are lost: they could not be written, and {}", records, part_, why);
  }
}

// A folder has the day of its files' first records: readers pass over folders of days that they do
// not want.
std::int64_t archive_writer::oldest_waiting_ns(const flow_log& flow) const {
  std::int64_t oldest = 0;
  (void)flow.waiting.for_oldest(1, [&oldest](const snapshot_header& header, bytes_view) {
    if (oldest == 0) oldest = header.time_ns;
  });
  return oldest != 0 ? oldest : context_.system.realtime_ns();
}

void archive_writer::tell_vanished() {
  context_.counts.lost_files.add();
  context_.limits.vanish.log(
      context_.system.monotonic_ns(), event::file_vanished, {.file = part_},
      "{} was taken away while it was being written: what comes next goes into a new "
      "file",
      part_);
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
std::error_code archive_writer::choose_sequence(flow_log& flow) {
  for (;;) {
    make_path(flow);
    bool there = false;
    if (const auto ec = context_.system.exists(path_, there)) return ec;
    if (!there)
      if (const auto ec = context_.system.exists(part_, there)) return ec;
    if (!there) return {};
    ++flow.sequence;
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
  m.netns = flow.netns->name;
  m.opened = flow.opened;
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
  taken.from_queue =
      flow.waiting.for_oldest(full_bytes, [&](const snapshot_header& header, bytes_view bytes) {
        const message m{bytes};
        record_extras extras;
        extras.poll = header.poll;
        extras.carried = header.carried;
        if (header.ended_ns != 0 && header.ended_ns != header.time_ns)
          extras.ended = timestamp::from_unix_nanoseconds(header.ended_ns);
        const auto put = [&](std::size_t& written) {
          return lines_.encode(std::span(text_).subspan(text_size_), written,
                               timestamp::from_unix_nanoseconds(header.time_ns), m, extras,
                               &taken.notes);
        };
        std::size_t written = 0;
        std::error_code ec = put(written);
        if (ec == errc::buffer_too_small) {
          // Once or twice: the buffer stays.
          text_.resize(std::max(text_size_ + max_record_size(m), 2 * text_.size()));
          ec = put(written);
        }
        if (ec) ++taken.refused;
        text_size_ += written;
      });
  return taken;
}

void archive_writer::take_away(flow_log& flow, const portion& written) {
  flow.waiting.remove(written.from_queue);
  flow.waiting_records -= written.from_queue.records;
  context_.counts.records.add(written.from_queue.records - written.refused);
  context_.counts.lost_write.add(written.refused);
  context_.counts.duplicate_attributes.add(written.notes.duplicates);
  context_.counts.unread_bytes.add(written.notes.unread_bytes);
}

std::error_code archive_writer::append(flow_log& flow, bytes_view frame) {
  if (flow.file_size == 0)
    if (const auto taken = context_.lock.check()) return taken;
  std::error_code ec = context_.system.append(part_, frame, flow.file_size);
  if (is_errno(ec, ENOENT) && flow.file_size == 0) {
    // The day's first file, or its folder was taken away; perhaps the output directory itself.
    if (const auto taken = context_.lock.take()) return taken;
    if (const auto made = context_.system.make_directories(directory_)) return made;
    ec = context_.system.append(part_, frame, 0);
  }
  return ec;
}

std::error_code archive_writer::write_frame(flow_log& flow) {
  for (;;) {
    if (flow.file_size > 0)
      make_path(flow);
    else if (const auto ec = choose_sequence(flow))
      return ec;
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
    // Somebody made a file of that name, or took ours away, or changed it, or it alone cannot be
    // written any more: what waits goes into a file of its own, and the other is not touched.
    const bool taken = flow.file_size == 0 && is_errno(ec, EEXIST);
    const bool changed = flow.file_size > 0 && !concerns_all_files(ec);
    if (!taken && !changed) return ec;
    if (changed && is_errno(ec, ENOENT))
      tell_vanished();
    else if (changed)
      // What is whole in it is kept.
      context_.complete.add({.part = part_, .leftover = true});
    next_file(flow);
    flow.file_date_ns = oldest_waiting_ns(flow);
  }
}

}  // namespace tcpinfo::collect
