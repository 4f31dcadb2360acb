// SPDX-License-Identifier: Apache-2.0
#include "collect/writing/archive_writer.h"

#include <algorithm>
#include <cerrno>
#include <limits>
#include <utility>

#include "collect/writing/append_frame.h"
#include "collect/writing/day_folders.h"
#include "collect/writing/write_report.h"
#include "common/errno_of.h"

namespace tcpinfo::collect {

std::error_code archive_writer::open() { return frames_.create(context_.settings.level); }

void archive_writer::begin(flow_log& flow, const snapshot_header& first, bytes_view message) {
  flow.begin(first, context_.namespaces.get(first.netns));
  (void)flow.find_owner(context_.owners, message);
  former_.resume(flow, first, path_.uuid_of(flow));
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
  const bool reused = begins_reuse(header.kind);
  // The clock was stepped back: a file has no record of a day before its folder's.
  const bool earlier = is_of_earlier_day(header.time_ns, flow.file_date_ns);
  if (has_file && (old || reused || earlier) && now_ns >= flow.retry_ns) {
    // Where the old file cannot be handed over now, it simply goes on, and it is tried again later,
    // not with every record.
    if (!hand_over(flow)) flow.retry_ns = now_ns + write_retry_ns;
  }
  // But for this one: what waits goes into the next file with it.
  if (earlier && (flow.file_size > 0 || flow.waiting_records > 0)) {
    hand_over_written(flow);
    flow.file_date_ns = header.time_ns;
  }
  if (flow.file_size == 0 && flow.waiting_records == 0) {
    flow.file_since_ns = now_ns;
    // Also where a connection was followed for days without a record.
    flow.file_date_ns = header.time_ns;
    // The socket's next connection has an opening of its own, or none that was told.
    if (reused) {
      flow.opened = opening_of(header);
      flow.finals_only = header.finals_only != 0;
      flow.forget_owner();
      (void)flow.find_owner(context_.owners, message);
    }
  }
  if (flow.waiting_records == 0) flow.waiting_since_ns = now_ns;

  snapshot_header stored = header;
  const bytes_view whole = former_.completed(stored, message);
  flow.netns->addresses.apply(flow.waiting.add(stored, whole));
  ++flow.waiting_records;
}

bool archive_writer::is_full(const flow_log& flow) noexcept {
  return flow.waiting.bytes() >= full_frame_bytes;
}

bool archive_writer::flush(flow_log& flow) {
  while (!flow.waiting.empty()) {
    if (const auto ec = write_frame(flow)) {
      tell_write_failed(context_, path_.part(), ec);
      return false;
    }
  }
  return true;
}

bool archive_writer::hand_over(flow_log& flow) {
  if (!flush(flow)) return false;
  hand_over_written(flow);
  return true;
}

void archive_writer::hand_over_written(flow_log& flow) {
  if (flow.file_size == 0) return;
  path_.set(flow);
  context_.finalize.add({.path = path_.part(),
                         .size = flow.file_size,
                         .text_bytes = flow.file_text,
                         .frames = flow.file_frames});
  next_file(flow);
}

void archive_writer::tell(const flow_log& flow, recent_answer::flow& out) {
  path_.set(flow);
  if (flow.file_size > 0) out.file = {.complete = path_.complete(), .size = flow.file_size};
  text_.encode_latest(flow, path_.uuid_of(flow), most_asked_records);
  const auto lines = text_.bytes();
  out.lines.assign(static_cast<const char*>(static_cast<const void*>(lines.data())), lines.size());
}

void archive_writer::drop_waiting(flow_log& flow, std::string_view why) {
  const std::uint32_t records = std::exchange(flow.waiting_records, 0);
  context_.counts.lost_write.add(records);
  flow.waiting.clear();
  if (records > 0) {
    path_.set(flow);
    tell_dropped(context_, path_.part(), records, why);
  }
}

// A folder has the day of its files' first records: readers pass over folders of days that they do
// not want.
std::int64_t archive_writer::oldest_waiting_ns(const flow_log& flow) const {
  constexpr std::size_t all = std::numeric_limits<std::size_t>::max();
  std::int64_t oldest = 0;
  (void)flow.waiting.for_oldest(all, [&oldest](const snapshot_header& header, bytes_view) {
    if (oldest == 0 || header.time_ns < oldest) oldest = header.time_ns;
  });
  return oldest != 0 ? oldest : context_.system.realtime_ns();
}

// The first sequence from flow.sequence on of which no file exists: an earlier file is never
// touched.
std::error_code archive_writer::choose_sequence(flow_log& flow) {
  for (;;) {
    path_.set(flow);
    bool there = false;
    if (const auto ec = context_.system.exists(path_.complete(), there)) return ec;
    if (!there)
      if (const auto ec = context_.system.exists(path_.part(), there)) return ec;
    if (!there) return {};
    ++flow.sequence;
  }
}

void archive_writer::take_away(flow_log& flow, const frame_text::portion& written) {
  flow.waiting.remove(written.from_waiting);
  flow.waiting_records -= written.from_waiting.records;
  context_.counts.records.add(written.from_waiting.records - written.refused);
  context_.counts.lost_write.add(written.refused);
  context_.counts.duplicate_attributes.add(written.notes.duplicates);
  context_.counts.unread_bytes.add(written.notes.unread_bytes);
}

std::error_code archive_writer::write_frame(flow_log& flow) {
  for (;;) {
    if (flow.file_size > 0)
      path_.set(flow);
    else if (const auto ec = choose_sequence(flow))
      return ec;
    if (flow.file_size == 0) (void)flow.find_owner(context_.owners);
    const frame_text::portion encoded = text_.encode(flow, path_.uuid_of(flow));
    frame_.resize(std::max(frame_.size(), frame_writer::bound(text_.bytes().size())));
    std::size_t written = 0;
    if (const auto ec = frames_.compress(text_.bytes(), frame_, written)) return ec;
    const auto ec = append_frame(context_, path_.part(), path_.folder(),
                                 bytes_view(frame_.data(), written), flow.file_size);
    if (!ec) {
      if (flow.file_size == 0) context_.counts.files_created.add();
      flow.file_size += written;
      flow.file_text += text_.bytes().size();
      ++flow.file_frames;
      take_away(flow, encoded);
      context_.counts.frames.add();
      context_.counts.bytes_written.add(written);
      return {};
    }
    // The name is taken, or our file is gone, changed, or the only one that cannot be written: what
    // waits goes into another file, and this one is not touched.
    const bool taken = flow.file_size == 0 && is_errno(ec, EEXIST);
    const bool changed = flow.file_size > 0 && !concerns_all_files(ec);
    if (!taken && !changed) return ec;
    if (changed && is_errno(ec, ENOENT))
      tell_vanished(context_, path_.part());
    else if (changed)
      // Its whole frames are kept.
      context_.finalize.add({.path = path_.part(), .leftover = true});
    next_file(flow);
    flow.file_date_ns = oldest_waiting_ns(flow);
  }
}

}  // namespace tcpinfo::collect
