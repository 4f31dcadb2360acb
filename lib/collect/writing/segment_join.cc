// SPDX-License-Identifier: Apache-2.0
#include "collect/writing/segment_join.h"

#include <tcpinfo/archive.h>
#include <tcpinfo/error.h>

#include <algorithm>

#include "collect/os/descriptor.h"
#include "collect/writing/segment_name.h"

namespace tcpinfo::collect {
namespace {

// On the average, as they lie in the file. What joining saves are beginnings: each block has the
// first message of its archives whole. Where archives have few records in a block they are much of
// it, and a record costs some bytes; where they have hundreds it costs one, and joining blocks of
// more than 16 KiB saves nothing. It costs 1 to 8 us a record.
constexpr std::uint64_t small_block = std::uint64_t{16} << 10;
constexpr std::uint64_t small_block_of_beginnings = std::uint64_t{64} << 10;
constexpr std::uint64_t much_a_record = 2;
// A file within one block of the disk takes no less room for being joined.
constexpr std::uint64_t disk_block = 4096;
// So many records are flushed together: some MiB of memory.
constexpr std::uint32_t enough = std::uint32_t{1} << 17U;
// It is done once, and no record waits for it.
constexpr int least_level = 7;

}  // namespace

bool pays_to_join(const part_file& file) noexcept {
  const bool begins_much = file.records > 0 && file.size / file.records >= much_a_record;
  return is_segment_path(file.path) && file.size > disk_block && file.frames > 1 &&
         file.size / file.frames < (begins_much ? small_block_of_beginnings : small_block);
}

bool cannot_be_joined(const std::error_code& ec) noexcept {
  return ec == errc::bad_block || ec == errc::unknown_feature;
}

std::error_code segment_join::append(bytes_view bytes) {
  if (bytes.empty()) return {};
  if (const auto ec = system_.append(copy_, bytes, size_)) return ec;
  size_ += bytes.size();
  return {};
}

std::error_code segment_join::flush() {
  bytes_view frames;
  if (const auto ec = writer_.flush(frames)) return ec;
  archives_.clear();
  return append(frames);
}

std::error_code segment_join::flush_summaries() {
  bytes_view frame;
  if (const auto ec = writer_.flush_summaries(frame)) return ec;
  return append(frame);
}

// Which archive it is, among those of a block: they have a path, and a metadata record or none.
void segment_join::identify(const segment_archive& archive) {
  archive_.assign(archive.path).push_back('\0');
  if (archive.about == nullptr) return;
  const std::size_t before = archive_.size();
  archive_.resize(before + max_metadata_size(*archive.about));
  std::size_t written = 0;
  // What cannot be encoded is not in a segment.
  (void)encode_metadata(std::span(archive_).subspan(before), written, *archive.about);
  archive_.resize(before + written);
}

std::error_code segment_join::begin_archive() {
  segment_archive archive = reader_.archive();
  if (begun_) archive.goes_on = 1;
  if (const auto ec = writer_.begin(archive, number_)) return ec;
  archives_[archive_] = number_;
  return {};
}

std::error_code segment_join::add(const segment_record& record) {
  return record.m.bytes.empty()
             ? writer_.add_line(number_, record.line)
             : writer_.add(number_, record.time, record.m, extras_of(record), nullptr);
}

std::error_code segment_join::take(const segment_record& record) {
  bool known = true;
  if (record.first != 0) {
    if (writer_.waiting() >= enough)
      if (const auto ec = flush()) return ec;
    const segment_archive& archive = reader_.archive();
    identify(archive);
    begun_ = false;
    const auto found = archives_.find(archive_);
    known = archive.goes_on != 0 && found != archives_.end();
    if (known) number_ = found->second;
  }
  for (int tries = 0;; ++tries) {
    std::error_code ec = known ? std::error_code() : begin_archive();
    if (!ec) ec = add(record);
    if (!ec) {
      begun_ = true;
      return {};
    }
    // It is full.
    if (ec != errc::buffer_too_small || tries > 0) return ec;
    if (const auto unwritten = flush()) return unwritten;
    known = false;
  }
}

std::error_code segment_join::take(const segment_summary& summary) {
  const auto ec = writer_.add_summary(reader_.archive(), summary);
  if (ec != errc::buffer_too_small) return ec;
  if (const auto unwritten = flush_summaries()) return unwritten;
  return writer_.add_summary(reader_.archive(), summary);
}

// Takes all that `next` of the reader gives.
template <class Item>
std::error_code segment_join::take_all(const part_file& file,
                                       std::error_code (segment_reader::*next)(Item&,
                                                                               bool&) noexcept,
                                       bool& unreadable) {
  descriptor from;
  unreadable = true;
  if (const auto ec = system_.open_read(file.path, from)) return ec;
  const auto failed = [&unreadable](std::error_code ec) {
    unreadable = ec != errc::out_of_memory && !cannot_be_joined(ec);
    return ec;
  };
  if (const auto ec = reader_.open_fd(from.get())) return failed(ec);
  for (;;) {
    Item one;
    bool more = true;
    if (const auto ec = (reader_.*next)(one, more)) return failed(ec);
    if (!more) break;
    if (const auto ec = take(one)) {
      unreadable = false;
      return ec;
    }
  }
  if (!reader_.is_zstd() || reader_.compressed_offset() != file.size) return errc::corrupt_frame;
  unreadable = false;
  // A later version that was killed may have left some.
  if (reader_.unknown_blocks() > 0) return errc::unknown_feature;
  return reader_.missing_records() > 0 ? errc::bad_block : std::error_code();
}

std::error_code segment_join::join(part_file& file, bool& unreadable) {
  copy_ = copy_name(file);
  size_ = 0;
  archives_.clear();
  segment_options options;
  options.level = std::max(level_, least_level);
  unreadable = false;
  if (const auto ec = writer_.create(options)) return ec;
  if (const auto ec = take_all<segment_record>(file, &segment_reader::next, unreadable)) return ec;
  if (const auto ec = flush()) return ec;
  if (const auto ec = take_all<segment_summary>(file, &segment_reader::next_summary, unreadable))
    return ec;
  if (const auto ec = flush_summaries()) return ec;
  file.copy_frames = writer_.blocks() + 1;
  bytes_view index;
  if (const auto ec = writer_.finish(index)) return ec;
  if (const auto ec = append(index)) return ec;
  file.copy_size = size_;
  return {};
}

}  // namespace tcpinfo::collect
