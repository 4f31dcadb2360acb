// SPDX-License-Identifier: Apache-2.0
#include "collect/publishing/publisher.h"

#include <fmt/format.h>
#include <tcpinfo/error.h>

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <limits>
#include <new>
#include <span>
#include <utility>

#include "collect/os/thread.h"
#include "collect/writing/file_names.h"
#include "common/errno_of.h"
#include "common/time_units.h"

namespace tcpinfo::collect {
namespace {

constexpr std::int64_t pause_ns = ns_a_second;
constexpr std::int64_t longest_pause_ns = 60 * ns_a_second;
// How long what was recorded last is tried to be sent, once recording has ended.
constexpr std::int64_t farewell_ns = 5 * ns_a_second;
// The cursor costs a wait for stable storage; what it lags behind is sent once more after a kill.
constexpr std::int64_t save_pause_ns = ns_a_second;
constexpr std::size_t batch_bytes = std::size_t{4} << 20;
constexpr std::size_t batch_blocks = 256;
// So often a segment is tried that the disk does not give; the rests between grow, half a minute
// altogether.
constexpr int disk_tries = 5;

// What the disk does not give, or the file system has lost.
bool is_of_the_disk(const std::error_code& ec) noexcept {
  return is_errno(ec, EIO) || is_errno(ec, EUCLEAN) || is_errno(ec, EBADMSG) ||
         is_errno(ec, ENODATA);
}

// <host>.<start>-<run> with a stroke for the point: a host's name may have points.
std::string key_text(const stream_key& key) {
  const std::size_t point = key.stem.rfind('.');
  return fmt::format("{}/{}/{}", std::string_view(key.stem).substr(0, point),
                     std::string_view(key.stem).substr(point + 1), key.writer);
}

}  // namespace

publisher::publisher(os& system, std::string output, const publish_url& url,
                     std::unique_ptr<outlet> to, publish_counts& counts,
                     std::unique_ptr<connection_rows> rows)
    : system_(system),
      output_(std::move(output)),
      name_(url.name),
      segments_(takes_segments(url)),
      to_(std::move(to)),
      rows_(std::move(rows)),
      counts_(counts),
      cursor_(system, output_, url.name) {
  counts_.level_ns.store(system_.monotonic_ns(), std::memory_order_relaxed);
}

std::error_code publisher::open() {
  stream_positions read;
  auto ec = cursor_.load(read);
  if (is_errno(ec, EBADMSG)) {
    log(event::publish_failed, {cursor_.path(), ec},
        "{} is damaged: everything is sent to {} once more", cursor_.path(), name_);
    read.clear();
    ec.clear();
  }
  const std::lock_guard lock(mutex_);
  positions_ = std::move(read);
  return ec;
}

std::error_code publisher::start() {
  return system_.start_thread([this] { work(); }, thread_);
}

void publisher::tell_end() noexcept {
  {
    const std::lock_guard lock(mutex_);
    if (ending_) return;
    ending_ = true;
    end_ns_ = system_.monotonic_ns() + farewell_ns;
  }
  changed_.notify_all();
}

void publisher::finish() noexcept {
  tell_end();
  if (thread_.joinable()) thread_.join();
}

bool publisher::is_ending() noexcept {
  const std::lock_guard lock(mutex_);
  return ending_;
}

bool publisher::may_go_on() noexcept {
  const std::lock_guard lock(mutex_);
  return !ending_ || system_.monotonic_ns() < end_ns_;
}

void publisher::work() {
  name_this_thread("publisher");
  step_back();
  std::int64_t retry_ns = pause_ns / 2;
  for (;;) {
    // Asked before the look, so that one follows the end of recording.
    const bool last = is_ending();
    const std::int64_t began_ns = system_.monotonic_ns();
    bool all = false;
    try {
      all = look();
    } catch (const std::bad_alloc&) {
      (void)failed("out of memory");
    }
    if (last) {
      if (!all)
        log(event::publishing, "{}: not all is sent: {} bytes are left for the next start", name_,
            counts_.lag_bytes.load(std::memory_order_relaxed));
      return;
    }
    retry_ns = all ? pause_ns / 2 : std::min(2 * retry_ns, longest_pause_ns);
    std::int64_t longer_ns = all ? pause_ns : retry_ns;
    const std::int64_t now_ns = system_.monotonic_ns();
    longer_ns = std::max(longer_ns, rest_for_each_look * (now_ns - began_ns));
    // A thousand hosts whose server comes back do not ask at one moment.
    const std::int64_t scatter_ns = all ? 0 : (now_ns / 1000) % (longer_ns / 4);
    const std::int64_t next_ns = now_ns + longer_ns - scatter_ns;
    std::unique_lock lock(mutex_);
    while (!ending_ && system_.monotonic_ns() < next_ns) system_.wait(changed_, lock, next_ns);
  }
}

bool publisher::look() {
  const std::int64_t began_ns = system_.monotonic_ns();
  segment_streams there;
  // No other thread changes them.
  if (const auto ec = find_segments(system_, output_, positions_, there))
    return failed(output_, ec);
  remember(there);
  bool all = true;
  for (const auto& [key, stream] : there) all = send_stream(key, stream) && all;
  forget_old(there);
  measure(there);
  // What came meanwhile is the next look's.
  if (all) counts_.level_ns.store(began_ns, std::memory_order_relaxed);
  save(is_ending() || all);
  if (all && std::exchange(away_, false)) log(event::publishing, "{}: all is sent again", name_);
  return all;
}

bool publisher::send_stream(const stream_key& key, const segment_stream& stream) {
  for (auto next = stream.begin(); next != stream.end(); ++next) {
    if (!may_go_on()) return false;
    const auto& [number, segment] = *next;
    if (const auto tried = unreadable_.find({key, number});
        tried != unreadable_.end() && tried->second >= disk_tries)
      continue;
    pass_gap(key, number);
    if (segments_) {
      // What is not complete keeps those behind it waiting: so they come in their order.
      if (!segment.whole) return true;
      if (!send_segment(key, number, segment)) return false;
      continue;
    }
    bool done = false;
    // A writer begins the next file when it has ended the one before.
    const bool ended = segment.whole || std::next(next) != stream.end() || is_behind(key, number);
    if (!send_blocks(key, number, segment, ended, done)) return false;
    if (!done) return true;
  }
  return true;
}

// Sends what a segment holds now. False: try later.
bool publisher::send_blocks(const stream_key& key, std::uint64_t number,
                            const found_segment& segment, bool ended, bool& done) {
  std::error_code ec = errc::ok;
  // In this order: meanwhile it may have been completed.
  if (!segment.whole) ec = file_.open(system_, segment.path + std::string(part_suffix));
  if (segment.whole || is_errno(ec, ENOENT)) ec = file_.open(system_, segment.path);
  if (is_errno(ec, ENOENT)) {
    gone(key, number, segment);
    done = true;
    return true;
  }
  if (ec) return done = unread(key, number, segment.path, ec);
  stream_position at = position_of(key, number);
  // The file may have been written anew since the cursor was there.
  bool fresh = at.offset > 0;
  // Rows of the block there that are sent. The cursor knows none of them.
  std::size_t row = 0;
  for (;;) {
    stream_position to = at;
    ec = take_batch(key, ended, to, row, fresh);
    // What was read before it is sent first.
    if (ec && batch_.blocks.empty()) return done = unread(key, number, segment.path, ec);
    if (batch_.blocks.empty()) {
      at = to;
      break;
    }
    const send_result result = to_->send_blocks(batch_, may_);
    std::uint64_t messages = batch_.blocks.size();
    std::uint64_t bytes = batch_.bytes.size();
    if (result.all)
      for (const std::size_t which : result.too_large) {
        --messages;
        bytes -= batch_.blocks[which].size;
        pass_over(batch_.blocks[which]);
      }
    if (!take(result, key, to, messages, bytes)) return false;
    at = to;
    save(false);
    if (!may_go_on()) return false;
  }
  if (ended)
    complete(key, number);
  else
    set(key, at);
  done = ended;
  return true;
}

// Fills the batch from a position on, which is moved behind it, as far as its segment can be read.
// `row` is the first that is wanted of the block there.
std::error_code publisher::take_batch(const stream_key& key, bool ended, stream_position& to,
                                      std::size_t& row, bool& fresh) {
  batch_.blocks.clear();
  batch_.bytes.clear();
  batch_.key = key_text(key);
  while (batch_.blocks.size() < batch_blocks && batch_.bytes.size() < batch_bytes) {
    found_block found;
    if (const auto ec = file_.find(to.offset, ended, found)) return ec;
    const bool is_other = to.offset > file_.size() || found.what == found_block::kind::damaged ||
                          (found.what == found_block::kind::block && found.number < to.block);
    if (std::exchange(fresh, false) && is_other) {
      // Joined, or salvaged, while nobody published: numbers and offsets mean something else.
      log(event::publishing, "{}: segment {} of {} was written anew: it is sent from its beginning",
          name_, to.segment, batch_.key);
      to = {to.segment, 0, 0};
      continue;
    }
    if (found.what == found_block::kind::end) break;
    if (found.what == found_block::kind::damaged) {
      row = 0;
      to.offset = found.end;
      counts_.damaged.add();
      continue;
    }
    if (const auto ec = add_block(found, to.segment, row)) {
      if (ec == errc::out_of_memory) throw std::bad_alloc();
      counts_.damaged.add();
    }
    // More rows of this block are the next batch's.
    if (row > 0) break;
    to.offset = found.end;
    to.block = std::uint64_t{found.number} + 1;
  }
  return {};
}

// Adds the block to the batch, or the rows that are made of it: from one on, as many as a batch may
// have, and at least one. `row` is then the first that is left; 0: none is.
std::error_code publisher::add_block(const found_block& found, std::uint64_t segment,
                                     std::size_t& row) {
  if (rows_ == nullptr) {
    batch_.blocks.push_back(
        {fmt::format("{}/{}/{}-{:016x}", batch_.key, segment, found.number, found.checksum),
         batch_.bytes.size(),
         found.frame.size(),
         {}});
    batch_.bytes.insert(batch_.bytes.end(), found.frame.begin(), found.frame.end());
    return {};
  }
  const std::size_t first = std::exchange(row, 0);
  if (!found.summaries) return {};
  std::size_t n = first;
  return rows_->make(found.frame, first, [&](std::string_view uuid, std::string_view text) {
    if (batch_.bytes.size() >= batch_bytes) {
      row = n;
      return false;
    }
    batch_.blocks.push_back(
        {fmt::format("{}/{}/{}/{}/{}", uuid, batch_.key, segment, found.number, n++),
         batch_.bytes.size(), text.size(), std::string(uuid)});
    const bytes_view bytes = std::as_bytes(std::span(text));
    batch_.bytes.insert(batch_.bytes.end(), bytes.begin(), bytes.end());
    return true;
  });
}

bool publisher::send_segment(const stream_key& key, std::uint64_t number,
                             const found_segment& segment) {
  descriptor file;
  std::uint64_t size = 0;
  auto ec = system_.open_read(segment.path, file);
  if (!ec) ec = system_.size(segment.path, size);
  if (is_errno(ec, ENOENT)) {
    gone(key, number, segment);
    return true;
  }
  if (ec) return unread(key, number, segment.path, ec);
  const whole_segment whole{segment.path, segment.path.substr(output_.size() + 1),
                            fmt::format("{}/{}", key_text(key), number), file.get(), size};
  const send_result result = to_->send_segment(whole, may_);
  if (!take(result, key, {number, size, 0}, 1, size))
    return result.unreadable && give_up(key, number);
  complete(key, number);
  save(false);
  return true;
}

// What became of a try.
bool publisher::take(const send_result& result, const stream_key& key, const stream_position& to,
                     std::uint64_t messages, std::uint64_t bytes) {
  const bool again = tried_.contains(key);
  if (!result.all) {
    tried_[key] = to;
    return failed(result.fault);
  }
  if (again) counts_.resent.add(messages);
  tried_.erase(key);
  counts_.messages.add(messages);
  counts_.bytes.add(bytes);
  counts_.duplicates.add(result.duplicates);
  set(key, to);
  return true;
}

void publisher::pass_over(const block_batch::block& block) {
  counts_.too_large.add();
  too_large_limit_.log(system_.monotonic_ns(), event::publish_lost, {},
                       "{} does not take block {}: its {} bytes are too many for it", name_,
                       block.id, block.size);
}

void publisher::gone(const stream_key& key, std::uint64_t number, const found_segment& segment) {
  counts_.gone.add();
  log(event::publish_lost, {.file = segment.path}, "{} was removed before all of it was sent to {}",
      segment.path, name_);
  complete(key, number);
}

// Whether those behind a segment have been sent before it.
bool publisher::is_behind(const stream_key& key, std::uint64_t number) const {
  const auto found = positions_.find(key);
  return found != positions_.end() && number < found->second.segment;
}

// All of a segment is acknowledged, or will never be.
void publisher::complete(const stream_key& key, std::uint64_t number) {
  unreadable_.erase({key, number});
  if (!is_behind(key, number)) {
    set(key, {number + 1, 0, 0});
    return;
  }
  const std::lock_guard lock(mutex_);
  unsaved_ = positions_[key].unread.erase(number) > 0 || unsaved_;
}

// A segment that cannot be read: is told. Whether those behind it wait no longer.
bool publisher::unread(const stream_key& key, std::uint64_t number, const std::string& path,
                       std::error_code ec) {
  (void)failed(path, ec);
  return is_of_the_disk(ec) && give_up(key, number);
}

// Whether those behind a segment wait no longer for the disk to give it.
bool publisher::give_up(const stream_key& key, std::uint64_t number) {
  if (++unreadable_[{key, number}] < disk_tries) return false;
  counts_.unreadable.add();
  log(event::publish_lost,
      "segment {} of {} cannot be read: what is left of it is tried at the "
      "next start",
      number, key_text(key));
  if (!is_behind(key, number)) set(key, {number + 1, 0, 0});
  const std::lock_guard lock(mutex_);
  unsaved_ = positions_[key].unread.insert(number).second || unsaved_;
  return true;
}

void publisher::lost(const stream_key& key, std::uint64_t first, std::uint64_t last) {
  counts_.gone.add(last - first + 1);
  log(event::publish_lost, "segments {} to {} of {} were removed before all of them was sent to {}",
      first, last, key_text(key), name_);
}

// A stream's numbers have no gaps: what is not there between two is gone.
void publisher::pass_gap(const stream_key& key, std::uint64_t number) {
  const auto found = positions_.find(key);
  const std::uint64_t first =
      found == positions_.end() ? seen_.at(key).first : found->second.segment;
  if (first >= number) return;
  lost(key, first, number - 1);
  set(key, {number, 0, 0});
}

stream_position publisher::position_of(const stream_key& key, std::uint64_t segment) const {
  const auto found = positions_.find(key);
  if (found == positions_.end() || found->second.segment != segment) return {segment, 0, 0};
  return found->second;
}

void publisher::set(const stream_key& key, const stream_position& to) {
  const std::lock_guard lock(mutex_);
  stream_position& at = positions_[key];
  // A segment that could not be read before is sent whole, behind others.
  if (to.segment < at.segment) return;
  stream_position next{to.segment, to.offset, to.block, at.unread};
  unsaved_ = unsaved_ || at != next;
  at = std::move(next);
}

bool publisher::has(const stream_key& stream, std::uint64_t segment) const {
  const std::lock_guard lock(mutex_);
  const auto found = positions_.find(stream);
  return found != positions_.end() && segment < found->second.segment &&
         !found->second.unread.contains(segment);
}

void publisher::remember(const segment_streams& there) {
  for (const auto& [key, stream] : there) {
    if (stream.empty()) continue;
    const std::uint64_t last = stream.rbegin()->first;
    const auto found = seen_.try_emplace(key, stream.begin()->first, last).first;
    found->second.second = std::max(found->second.second, last);
  }
}

// Streams of which nothing is left need no position. What was not acknowledged of them is lost.
void publisher::forget_old(const segment_streams& there) {
  std::erase_if(seen_, [&](const auto& one) {
    const auto& [key, numbers] = one;
    if (there.contains(key)) return false;
    const auto found = positions_.find(key);
    const std::uint64_t first = found == positions_.end() ? numbers.first : found->second.segment;
    if (first <= numbers.second) lost(key, first, numbers.second);
    return true;
  });
  const std::lock_guard lock(mutex_);
  for (auto next = positions_.begin(); next != positions_.end();) {
    const stream_key& key = next->first;
    const auto found = there.find(key);
    const std::size_t unread = std::erase_if(next->second.unread, [&](std::uint64_t number) {
      if (found != there.end() && found->second.contains(number)) return false;
      lost(key, number, number);
      return true;
    });
    unsaved_ = unsaved_ || unread > 0 || found == there.end();
    next = found == there.end() ? positions_.erase(next) : std::next(next);
  }
}

void publisher::measure(const segment_streams& there) {
  std::uint64_t behind = 0;
  for (const auto& [key, stream] : there)
    for (const auto& [number, segment] : stream) {
      if ((segments_ && !segment.whole) || has(key, number)) continue;
      std::uint64_t size = 0;
      if (system_.size(segment.path, size) &&
          system_.size(segment.path + std::string(part_suffix), size))
        continue;
      const stream_position at = position_of(key, number);
      behind += size - std::min(size, at.offset);
    }
  counts_.lag_bytes.store(behind, std::memory_order_relaxed);
}

void publisher::save(bool now) {
  if (!unsaved_ || (!now && system_.monotonic_ns() < saved_ns_ + save_pause_ns)) return;
  saved_ns_ = system_.monotonic_ns();
  if (const auto ec = cursor_.save(positions_))
    (void)failed(cursor_.path(), ec);
  else
    unsaved_ = false;
}

bool publisher::failed(const std::string& path, std::error_code ec) {
  counts_.faults.add();
  limit_.log(system_.monotonic_ns(), event::publish_failed, {path, ec}, "cannot send to {}: {}: {}",
             name_, path, ec.message());
  return false;
}

bool publisher::failed(std::string_view why) {
  counts_.faults.add();
  away_ = true;
  limit_.log(system_.monotonic_ns(), event::publish_failed, {}, "cannot send to {}: {}", name_,
             why);
  return false;
}

}  // namespace tcpinfo::collect
