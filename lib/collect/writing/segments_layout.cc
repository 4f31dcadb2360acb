// SPDX-License-Identifier: Apache-2.0
#include "collect/writing/segments_layout.h"

#include <algorithm>
#include <limits>
#include <new>
#include <span>
#include <utility>

#include "collect/writing/day_folders.h"
#include "collect/writing/flow_log.h"
#include "collect/writing/record_parts.h"
#include "collect/writing/wake_policy.h"

namespace tcpinfo::collect {
namespace {

constexpr std::int64_t never_due = std::numeric_limits<std::int64_t>::max();
// At the end a write that fails is tried so often, with a pause before each new try.
constexpr int closing_tries = 10;
constexpr std::int64_t closing_pause_ns = write_retry_ns / 10;
constexpr std::size_t smallest_window = std::size_t{1} << 20;

}  // namespace

segments_layout::segments_layout(const sink_context& context)
    : context_(context.shared),
      observer_(context.observer),
      memory_(context.memory),
      hold_ns_(context_.settings.flush_ns - wake_pause_ns(context_.settings)),
      former_files_(context_.system, context_.settings.output, context_.earlier, context_.counts),
      path_(context_.settings.output, context_.prefixes),
      file_(context_, context.number) {
  if (!context_.settings.query_socket.empty()) known_.emplace();
}

std::error_code segments_layout::open() {
  segment_options options;
  options.level = context_.settings.level;
  // What is flushed together takes its memory whether blocks wait or not.
  options.window = static_cast<std::uint32_t>(
      std::clamp(memory_.limit() / 4, smallest_window, std::size_t{options.window}));
  return block_.create(options);
}

segments_layout::segment_flow& segments_layout::flow_of(const snapshot_header& header,
                                                        bytes_view message) {
  const auto [found, is_new] = flows_.try_emplace(header.cookie);
  segment_flow& flow = found->second;
  if (!is_new) return flow;
  try {
    flow.begin(header, context_.namespaces.get(header.netns));
    (void)flow.find_owner(context_.owners, message);
    former_files_.resume(flow, header, path_.uuid_of(flow));
    if (!former_.resume(flow, header)) former_.pass_forgotten(flow);
  } catch (...) {
    // What was half begun would never be resumed.
    flows_.erase(found);
    throw;
  }
  return flow;
}

void segments_layout::take(const snapshot_header& header, bytes_view message, std::int64_t now_ns) {
  const bool has_message = header.kind != snapshot_kind::ended_without_event;
  if (!has_message && !flows_.contains(header.cookie)) return;
  // Another connection's now: what was recorded before is complete.
  if (header.kind == snapshot_kind::followed) forget(header.cookie, true, now_ns);
  const bool is_new = known_ && !flows_.contains(header.cookie);
  segment_flow& flow = flow_of(header, message);
  if (has_message) {
    if (known_ && (is_new || begins_reuse(header.kind)))
      known_->see(header.cookie, *flow.netns, message);
    const std::uint64_t shape = observer_.look(flow.observed, header, message);
    try {
      if (header.kind != snapshot_kind::followed) add(flow, header, message, shape, now_ns);
    } catch (const std::bad_alloc&) {
      context_.counts.write_errors.add(errc::out_of_memory);
      context_.counts.lost_write.add();
    }
  }
  if (ends_connection(header.kind)) forget(header.cookie, !has_message, now_ns);
}

// `may_return`: whether its cookie may be seen again.
void segments_layout::forget(std::uint64_t cookie, bool may_return, std::int64_t now_ns) {
  const auto found = flows_.find(cookie);
  if (found == flows_.end()) return;
  segment_flow& flow = found->second;
  // At once, for what follows may throw: should it come back, it is an archive of its own.
  end_archive(flow, now_ns);
  if (may_return) former_.remember(flow);
  if (known_) known_->end(cookie, {}, now_ns);
  flows_.erase(found);
}

// What comes of it next is another archive.
void segments_layout::end_archive(segment_flow& flow, std::int64_t now_ns) noexcept {
  if (!flow.begun) return;
  if (flow.find_owner(context_.owners) && flow.block == block_number_) tell_owner(flow);
  summarize(flow, now_ns);
  begin_summary(flow);
  flow.begun = false;
  ++flow.sequence;
  flow.block = 0;
}

// Of its records in this segment. Where memory is missing the summary is.
void segments_layout::summarize(segment_flow& flow, std::int64_t now_ns) noexcept {
  if (flow.summary.left_out) {
    flow.summary = {};
    flow.summary.goes_on = true;
    return;
  }
  if (flow.summary.records.count() == 0) return;
  const std::size_t before = flow.summary.records.bytes();
  bool handed_on = false;
  try {
    path_.set(flow);
    (void)flow.find_owner(context_.owners);
    const metadata about = metadata_of(flow, path_.uuid_of(flow), context_.who);
    handed_on =
        summaries_.hand_on(flow.summary, about, path_.relative()) ||
        (flush_summaries(now_ns) && summaries_.hand_on(flow.summary, about, path_.relative()));
  } catch (const std::bad_alloc&) {
  }
  memory_.change_summary(before, 0);
  // It is of these records alone, not of those that come next.
  if (handed_on) return;
  flow.summary = {};
  flow.summary.goes_on = true;
}

// Forgets what there is of it.
void segments_layout::begin_summary(segment_flow& flow) noexcept {
  memory_.change_summary(flow.summary.records.bytes(), 0);
  flow.summary = {};
}

// A summary that grows where all of them take what they may is left out: readers read the records
// of the segment.
void segments_layout::add_to_summary(segment_flow& flow, const snapshot_header& header,
                                     bytes_view message, std::uint64_t shape) noexcept {
  if (flow.summary.left_out) return;
  const std::size_t before = flow.summary.records.bytes();
  summaries_.record(flow.summary, header, {message}, shape);
  const std::size_t after = flow.summary.records.bytes();
  if (after == before) return;
  memory_.change_summary(before, after);
  if (after < before || !memory_.too_many_summaries()) return;
  begin_summary(flow);
  flow.summary.left_out = true;
  context_.counts.summaries_left_out.add();
}

// `shape`: the observer's of the message. What is stored has its attributes: no more than addresses
// are changed.
void segments_layout::add(segment_flow& flow, const snapshot_header& header, bytes_view message,
                          std::uint64_t shape, std::int64_t now_ns) {
  const bool reused = begins_reuse(header.kind);
  // The clock was stepped back: an archive has no record of a day before its folder's.
  const bool earlier = flow.begun && is_of_earlier_day(header.time_ns, flow.file_date_ns);
  if (reused || earlier) end_archive(flow, now_ns);
  if (reused) {
    // The socket's next connection has an opening of its own, or none that was told.
    flow.opened = opening_of(header);
    flow.finals_only = header.finals_only != 0;
    flow.forget_owner();
    (void)flow.find_owner(context_.owners, message);
  }
  // Also where a connection was followed for days without a record.
  if (!flow.begun) flow.file_date_ns = header.time_ns;
  snapshot_header stored = header;
  bytes_view whole = former_files_.completed(stored, message);
  if (context_.settings.anonymize != anonymize_by::none) {
    anonymous_.assign(whole.begin(), whole.end());
    flow.netns->addresses.apply(anonymous_);
    whole = anonymous_;
  }
  if (is_of_earlier_day(stored.time_ns, file_.first_ns())) begin_segment(now_ns);
  for (int tries = 0;; ++tries) {
    const bool is_first = block_.waiting() == 0;
    const auto ec = try_add(flow, stored, {whole});
    if (!ec) {
      flow.begun = true;
      latest_ns_ = stored.time_ns;
      add_to_summary(flow, stored, whole, shape);
      // The oldest names the folder, whichever comes first: readers pass over folders of days.
      facts_.first_ns = is_first ? stored.time_ns : std::min(facts_.first_ns, stored.time_ns);
      if (is_first) facts_.since_ns = now_ns;
      return;
    }
    if (ec == errc::out_of_memory) throw std::bad_alloc();
    if (ec != errc::buffer_too_small || tries > 0) {
      context_.counts.lost_write.add();
      return;
    }
    if (!flush(now_ns)) throw std::bad_alloc();
  }
}

std::error_code segments_layout::try_add(segment_flow& flow, const snapshot_header& header,
                                         const message& m) {
  if (flow.block != block_number_)
    if (const auto ec = begin(flow)) return ec;
  const auto time = timestamp::from_unix_nanoseconds(header.time_ns);
  const auto ec = block_.add(flow.number, time, m, extras_of(header), &facts_.notes);
  // More attributes than a block takes of one message; a line takes them.
  return ec == errc::malformed_attribute ? add_as_text(flow, header, m) : ec;
}

std::error_code segments_layout::add_as_text(const segment_flow& flow,
                                             const snapshot_header& header, const message& m) {
  text_.resize(std::max(text_.size(), max_record_size(m)));
  std::size_t written = 0;
  encode_notes notes;
  if (const auto ec =
          lines_.encode(text_, written, timestamp::from_unix_nanoseconds(header.time_ns), m,
                        extras_of(header), &notes))
    return ec;
  if (const auto ec = block_.add_line(flow.number, {text_.data(), written})) return ec;
  facts_.notes.duplicates += notes.duplicates;
  facts_.notes.unread_bytes += notes.unread_bytes;
  return {};
}

// The path is set before.
segment_archive segments_layout::archive_of(const segment_flow& flow, const metadata& about) const {
  segment_archive archive;
  archive.about = &about;
  archive.path = path_.relative();
  archive.goes_on = flow.begun ? 1 : 0;
  return archive;
}

std::error_code segments_layout::begin(segment_flow& flow) {
  path_.set(flow);
  (void)flow.find_owner(context_.owners);
  const metadata about = metadata_of(flow, path_.uuid_of(flow), context_.who);
  const auto ec = block_.begin(archive_of(flow, about), flow.number);
  if (ec) return ec;
  flow.block = block_number_;
  if (context_.owners != nullptr && (flow.owner == nullptr || !is_settled(flow.owner->how)))
    unsettled_.push_back(flow.cookie);
  return ec;
}

// Whose a connection is may turn out while its block is made. Of one that has ended meanwhile it
// was asked then.
void segments_layout::look_for_owners() noexcept {
  for (const std::uint64_t cookie : unsettled_) {
    const auto found = flows_.find(cookie);
    if (found == flows_.end() || found->second.block != block_number_) continue;
    if (found->second.find_owner(context_.owners)) tell_owner(found->second);
  }
  unsettled_.clear();
}

void segments_layout::tell_owner(segment_flow& flow) noexcept {
  try {
    path_.set(flow);
    const metadata about = metadata_of(flow, path_.uuid_of(flow), context_.who);
    // Where memory is missing its next block tells it.
    (void)block_.revise(flow.number, archive_of(flow, about));
  } catch (const std::bad_alloc&) {
  }
}

// Makes a frame of the block, which is written or waits for that. False for want of memory: nothing
// is lost, and it is tried again.
bool segments_layout::flush(std::int64_t now_ns) {
  look_for_owners();
  const std::uint32_t records = block_.waiting();
  const std::uint32_t blocks_before = block_.blocks();
  bytes_view frames;
  if (const auto ec = block_.flush(frames)) {
    context_.counts.write_errors.add(ec);
    block_retry_ns_ = now_ns + write_retry_ns;
    return false;
  }
  ++block_number_;
  block_facts facts = std::exchange(facts_, {});
  facts.records = records;
  facts.blocks = block_.blocks() - blocks_before;
  if (records > 0) {
    facts.begins_file = std::exchange(begins_file_, false);
    file_.add(frames, facts, now_ns);
  }
  account();
  return true;
}

// As flush(), of the block of summaries. It begins no file: records of theirs are there before, or
// still to be written.
bool segments_layout::flush_summaries(std::int64_t now_ns) {
  if (block_.waiting_summaries() == 0) return true;
  const bool begins = begins_file_ || (file_.size() == 0 && !file_.has_waiting());
  if (begins && !flush(now_ns)) return false;
  bytes_view frame;
  if (const auto ec = block_.flush_summaries(frame)) {
    context_.counts.write_errors.add(ec);
    return false;
  }
  block_facts facts;
  facts.blocks = 1;
  facts.first_ns = latest_ns_;
  facts.since_ns = now_ns;
  if (file_.size() > 0 || file_.has_waiting()) file_.add(frame, facts, now_ns);
  account();
  return true;
}

// Those that live on: what comes of them next is in another segment.
void segments_layout::summarize_all(std::int64_t now_ns) {
  for (auto& [cookie, flow] : flows_) summarize(flow, now_ns);
  (void)flush_summaries(now_ns);
}

std::int64_t segments_layout::block_due_ns() const noexcept {
  return block_.waiting() == 0 ? never_due : std::max(facts_.since_ns + hold_ns_, block_retry_ns_);
}

std::int64_t segments_layout::rotation_due_ns() const noexcept {
  if (file_.size() == 0) return never_due;
  // What waits goes into this file first.
  const std::int64_t not_before_ns =
      std::max(rotate_retry_ns_, file_.has_waiting() ? file_.retry_ns() + 1 : 0);
  const std::int64_t due_ns =
      file_.size() >= largest_segment ? 0 : file_.since_ns() + context_.settings.rotate_ns;
  return std::max(due_ns, not_before_ns);
}

std::int64_t segments_layout::next_ns(std::int64_t latest) const noexcept {
  const std::int64_t retry_ns = file_.has_waiting() ? file_.retry_ns() : never_due;
  return std::min({latest, block_due_ns(), retry_ns, rotation_due_ns()});
}

bool segments_layout::write_portion(std::int64_t now_ns) {
  if (file_.has_waiting()) (void)file_.write(now_ns);
  if (now_ns >= block_due_ns()) (void)flush(now_ns);
  if (now_ns >= rotation_due_ns()) rotate(now_ns);
  account();
  return false;
}

// The connections that live on are begun again in the next segment.
void segments_layout::rotate(std::int64_t now_ns) {
  // Where this comes to nothing, not before the next second.
  rotate_retry_ns_ = now_ns + write_retry_ns;
  if (!flush(now_ns) || file_.has_waiting()) return;
  summarize_all(now_ns);
  if (file_.has_waiting()) return;
  bytes_view index;
  // What it counts begins anew with the next segment, whether there is an index or not.
  if (block_.finish(index)) return;
  file_.end(file_.is_whole() && !begins_file_ ? index : bytes_view());
  begins_file_ = false;
  rotate_retry_ns_ = 0;
}

// What comes next is of a day before that of the file's folder, because the clock was stepped back.
// Blocks that wait need not be written for it: they still go into the file before. For want of
// memory nothing changes, and it is tried again with the next record.
void segments_layout::begin_segment(std::int64_t now_ns) {
  if (now_ns < block_retry_ns_ || !flush(now_ns)) return;
  summarize_all(now_ns);
  bytes_view index;
  if (block_.finish(index)) return;
  if (file_.has_waiting() || begins_file_)
    begins_file_ = true;
  else
    file_.end(file_.is_whole() ? index : bytes_view());
}

void segments_layout::keep_budget(std::int64_t now_ns) {
  const std::size_t budget = memory_.limit();
  (void)file_.write(now_ns);
  account();
  // After a write that failed, an eighth more may be used before the next try. And the block that
  // is being made takes its memory whether blocks wait or not: where the budget is small, a quarter
  // of it is theirs all the same.
  while (memory_.now() > budget + budget / 8 && file_.waiting_bytes() > budget / 4) {
    file_.drop_oldest("memory ended");
    account();
  }
}

// What is in the block that is being made can be read once the block is written: a little early,
// which the finalizer makes good when it joins small blocks.
void segments_layout::answer(const wanted_flow& wanted, recent_answer& out, std::int64_t now_ns) {
  if (!known_) return;
  for (const std::uint64_t cookie : known_->find(wanted, now_ns))
    out.flows.emplace_back().cookie = cookie;
  if (out.flows.empty()) return;
  if (block_.waiting() > 0 && !flush(now_ns)) throw std::bad_alloc();
  file_.tell(out, now_ns);
}

void segments_layout::account() noexcept {
  const std::size_t now = file_.waiting_bytes() + block_.waiting_bytes();
  memory_.change(accounted_, now);
  accounted_ = now;
}

void segments_layout::finish() {
  for (int tries = 0; tries < closing_tries && !write_all(); ++tries)
    context_.system.wait(-1, -1, context_.system.monotonic_ns() + closing_pause_ns);
  summarize_all(context_.system.monotonic_ns());
  while (file_.has_waiting()) file_.drop_oldest("the run ended");
  if (!std::exchange(block_given_up_, true)) context_.counts.lost_write.add(block_.waiting());
  bytes_view index;
  (void)block_.finish(index);
  file_.end(file_.is_whole() && !begins_file_ ? index : bytes_view());
  flows_.clear();
  account();
}

bool segments_layout::write_all() {
  // That no time has passed since a write that failed is no reason not to try.
  const std::int64_t now_ns = std::max(context_.system.monotonic_ns(), file_.retry_ns());
  const bool written = file_.write(now_ns);
  return flush(now_ns) && written && !file_.has_waiting();
}

void segments_layout::give_up() noexcept {
  context_.counts.lost_write.add(file_.waiting_records());
  if (!block_given_up_) context_.counts.lost_write.add(block_.waiting());
  // It stays .part, and the next start finds it.
  if (file_.size() > 0) context_.counts.lost_files.add();
}

}  // namespace tcpinfo::collect
