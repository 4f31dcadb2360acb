// SPDX-License-Identifier: Apache-2.0
#include "collect/writing/segment_file.h"

#include <tcpinfo/error.h>

#include <cerrno>
#include <iterator>
#include <new>

#include "collect/writing/append_frame.h"
#include "collect/writing/day_folders.h"
#include "collect/writing/file_names.h"
#include "collect/writing/flow_log.h"
#include "collect/writing/known_flows.h"
#include "collect/writing/segment_name.h"
#include "collect/writing/write_report.h"
#include "common/errno_of.h"

namespace tcpinfo::collect {

void segment_file::next_file() noexcept {
  ++number_;
  size_ = 0;
  recent_.clear();
  frames_ = records_ = 0;
  ended_ = false;
}

// The first number from number_ on of which no file exists: an earlier file is never touched.
std::error_code segment_file::choose_name(std::int64_t first_ns) {
  folder_ = day_folder_of(context_.settings.output, first_ns);
  for (;; ++number_) {
    complete_ = folder_ + "/" + segment_name(context_.segment_stem, writer_, number_);
    part_ = complete_ + std::string(part_suffix);
    bool there = false;
    if (const auto ec = context_.system.exists(complete_, there)) return ec;
    if (!there)
      if (const auto ec = context_.system.exists(part_, there)) return ec;
    if (!there) return {};
  }
}

std::error_code segment_file::append(bytes_view frame, const block_facts& facts) {
  if (facts.begins_file && size_ > 0) end({});
  for (;;) {
    if (size_ == 0)
      if (const auto ec = choose_name(facts.first_ns)) return ec;
    const auto ec = append_frame(context_, part_, folder_, frame, size_);
    if (!ec) {
      if (size_ == 0) {
        since_ns_ = facts.since_ns;
        first_ns_ = facts.first_ns;
        context_.counts.files_created.add();
      }
      note_block(frame.size());
      size_ += frame.size();
      frames_ += facts.blocks;
      records_ += facts.records;
      context_.counts.records.add(facts.records);
      context_.counts.duplicate_attributes.add(facts.notes.duplicates);
      context_.counts.unread_bytes.add(facts.notes.unread_bytes);
      context_.counts.frames.add(facts.blocks);
      context_.counts.bytes_written.add(frame.size());
      return {};
    }
    // The name is taken, or our file is gone, changed, or the only one that cannot be written: what
    // waits goes into another file, and this one is not touched.
    const bool taken = size_ == 0 && is_errno(ec, EEXIST);
    const bool changed = size_ > 0 && !concerns_all_files(ec);
    if (!taken && !changed) return ec;
    if (changed && is_errno(ec, ENOENT))
      tell_vanished(context_, part_);
    else if (changed)
      // Its whole frames are kept.
      context_.finalize.add({.path = part_, .leftover = true});
    if (changed) whole_ = false;
    next_file();
  }
}

void segment_file::note_block(std::uint64_t bytes) noexcept try {
  recent_.push_back(size_);
  while (recent_.size() > 1 && size_ + bytes - recent_[1] >= recent_bytes) recent_.pop_front();
} catch (const std::bad_alloc&) {
  // More is read than must be.
}

void segment_file::tell(recent_answer& out, std::int64_t now_ns) const {
  if (!former_.empty() && (size_ == 0 || now_ns - since_ns_ < known_flows::kept_ns))
    out.shared.push_back({.complete = former_});
  if (size_ > 0) out.shared.push_back({complete_, recent_.empty() ? 0 : recent_.front(), size_});
  // The latest ones, as of the file: all of them may be as much as --max-memory allows.
  auto first = waiting_.end();
  for (std::uint64_t bytes = 0; first != waiting_.begin(); --first) {
    bytes += std::prev(first)->frame.size();
    if (bytes > recent_bytes && first != waiting_.end()) break;
  }
  for (; first != waiting_.end(); ++first)
    out.frames.insert(out.frames.end(), first->frame.begin(), first->frame.end());
}

// False: it is to be tried again, which is counted and said.
bool segment_file::try_append(bytes_view frame, const block_facts& facts,
                              std::int64_t now_ns) noexcept {
  try {
    const auto ec = append(frame, facts);
    if (!ec) return true;
    tell_write_failed(context_, part_, ec);
  } catch (const std::bad_alloc&) {
    context_.counts.write_errors.add(errc::out_of_memory);
  }
  retry_ns_ = now_ns + write_retry_ns;
  return false;
}

void segment_file::add(bytes_view frame, const block_facts& facts, std::int64_t now_ns) noexcept {
  if (waiting_.empty() && now_ns >= retry_ns_ && try_append(frame, facts, now_ns)) return;
  try {
    waiting_.push_back({{frame.begin(), frame.end()}, facts});
    waiting_bytes_ += frame.size();
  } catch (const std::bad_alloc&) {
    whole_ = false;
    if (facts.records == 0) return;
    context_.counts.lost_write.add(facts.records);
    tell_dropped(context_, part_, facts.records, "memory ended");
  }
}

bool segment_file::write(std::int64_t now_ns) noexcept {
  if (now_ns < retry_ns_) return waiting_.empty();
  while (!waiting_.empty()) {
    const waiting_block& oldest = waiting_.front();
    if (!try_append(oldest.frame, oldest.facts, now_ns)) return false;
    waiting_bytes_ -= oldest.frame.size();
    waiting_.pop_front();
  }
  return true;
}

void segment_file::drop_oldest(std::string_view why) {
  const std::uint32_t records = waiting_.front().facts.records;
  const bool begins_file = waiting_.front().facts.begins_file;
  waiting_bytes_ -= waiting_.front().frame.size();
  waiting_.pop_front();
  // What came behind it is still of another file than what came before.
  if (begins_file && !waiting_.empty()) waiting_.front().facts.begins_file = true;
  whole_ = false;
  // One of summaries has none, and costs nothing but the time to read records.
  if (records == 0) return;
  context_.counts.lost_write.add(records);
  tell_dropped(context_, part_, records, why);
}

std::int64_t segment_file::first_ns() const noexcept {
  for (auto block = waiting_.rbegin(); block != waiting_.rend(); ++block)
    if (block->facts.begins_file) return block->facts.first_ns;
  if (size_ > 0) return first_ns_;
  return waiting_.empty() ? 0 : waiting_.front().facts.first_ns;
}

std::uint64_t segment_file::waiting_records() const noexcept {
  std::uint64_t sum = 0;
  for (const waiting_block& block : waiting_) sum += block.facts.records;
  return sum;
}

std::error_code segment_file::append_index(bytes_view index) noexcept try {
  return context_.system.append(part_, index, size_);
} catch (const std::bad_alloc&) {
  return errc::out_of_memory;
}

void segment_file::end(bytes_view index) {
  if (size_ > 0) {
    if (!index.empty() && !ended_) {
      // A file without it is as good.
      if (const auto ec = append_index(index)) {
        context_.counts.write_errors.add(ec);
      } else {
        size_ += index.size();
        context_.counts.bytes_written.add(index.size());
      }
    }
    ended_ = true;
    former_ = complete_;
    context_.finalize.add({.path = part_, .size = size_, .frames = frames_, .records = records_});
    next_file();
  }
  whole_ = true;
}

}  // namespace tcpinfo::collect
