// SPDX-License-Identifier: Apache-2.0
#include "segment/summary_encoder.h"

#include <algorithm>
#include <limits>

#include <tcpinfo/error.h>

#include "common/known_part.h"

namespace tcpinfo::inline v0::segment_format {
namespace {

// What these add to a block at most, beside texts.
constexpr std::size_t archive_of_summary_bytes = 64;
constexpr std::size_t summary_bytes = 16;
constexpr std::size_t value_bytes = 10;
constexpr std::size_t bucket_bytes = 20;
constexpr std::size_t column_bytes = 24;
// The head and the list of streams.
constexpr std::size_t frame_bytes = head_size + 8 * stream_count;

bool is_summary(const segment_summary& s) noexcept {
  if (s.values.size() > max_summary_values || s.rtts.size() > max_summary_buckets ||
      s.congestion_control.size() > max_text)
    return false;
  const summary_value* value_before = nullptr;
  for (const summary_value& v : s.values) {
    if (v.reserved != 0 || (value_before != nullptr && v.field <= value_before->field))
      return false;
    value_before = &v;
  }
  const summary_bucket* before = nullptr;
  for (const summary_bucket& b : s.rtts) {
    if (b.count == 0 || b.highest < b.lowest || (before != nullptr && b.lowest <= before->highest))
      return false;
    before = &b;
  }
  return true;
}

std::uint64_t records_of(const segment_summary& s) noexcept {
  return !s.values.empty() && s.values[0].field == summary_records ? s.values[0].value : 0;
}

}  // namespace

std::size_t summary_encoder::memory_bytes() const noexcept {
  std::size_t bytes = directory_.memory_bytes() + archives_.capacity() * sizeof(archive_entry) +
                      columns_.capacity() * sizeof(column) + names_.bytes() +
                      controls_.capacity_bytes() + rtts_.capacity_bytes() + block_.capacity_bytes();
  for (const column& c : columns_) bytes += c.values.capacity_bytes() + c.present.capacity_bytes();
  for (const byte_stream& s : streams_) bytes += s.capacity_bytes();
  return bytes;
}

void summary_encoder::clear() noexcept {
  directory_.clear();
  archives_.clear();
  columns_.clear();
  names_.clear();
  controls_.clear();
  rtts_.clear();
  values_ = value_bytes_ = buckets_ = 0;
  records_ = 0;
}

bool summary_encoder::has_room(const segment_summary& s) const noexcept {
  const std::size_t count = archives_.size() + 1;
  const std::size_t columns = columns_.size() + s.values.size();
  const std::size_t most =
      frame_bytes + directory_.block_bytes() + names_.bytes() + s.congestion_control.size() +
      count * (archive_of_summary_bytes + summary_bytes) + columns * (column_bytes + count / 8) +
      value_bytes_ + s.values.size() * value_bytes + rtts_.size() + s.rtts.size() * bucket_bytes;
  return count <= max_summaries && most <= full_part && values_ + s.values.size() <= max_values &&
         buckets_ + s.rtts.size() <= max_buckets;
}

// All the memory that the summary takes, so that nothing is half added. False where the block has
// too many fields. A new column shows only when it has a value.
bool summary_encoder::make_room(const segment_summary& s) {
  const std::size_t row = archives_.size();
  auto at = columns_.begin();
  for (const summary_value& v : s.values) {
    at = std::lower_bound(at, columns_.end(), v.field,
                          [](const column& c, std::uint32_t field) { return c.field < field; });
    if (at == columns_.end() || at->field != v.field) {
      if (columns_.size() == max_fields) return false;
      at = columns_.emplace(at);
      at->field = v.field;
    }
    (void)at->values.room(value_bytes);
    (void)at->present.room(row / 8 + 1 - at->present.size());
  }
  (void)rtts_.room(value_bytes + s.rtts.size() * bucket_bytes);
  (void)controls_.room(1);
  return true;
}

void summary_encoder::put_values(const segment_summary& s) noexcept {
  const std::size_t row = archives_.size();
  auto at = columns_.begin();
  for (const summary_value& v : s.values) {
    while (at->field != v.field) ++at;
    const std::size_t before = at->values.size();
    at->values.folded(v.value - at->latest);
    value_bytes_ += at->values.size() - before;
    at->latest = v.value;
    ++at->count;
    while (at->present.size() <= row / 8) at->present.add(std::byte{0});
    at->present[row / 8] |= std::byte{1} << (row % 8);
  }
  values_ += s.values.size();
  rtts_.varint(s.rtts.size());
  std::uint32_t before = 0;
  for (const summary_bucket& b : s.rtts) {
    rtts_.varint(b.lowest - before);
    rtts_.varint(b.highest - b.lowest);
    rtts_.varint(b.count);
    before = b.highest;
  }
  buckets_ += s.rtts.size();
}

std::error_code summary_encoder::add(const segment_archive& archive, const segment_summary& given) {
  segment_summary s;
  if (const auto ec = read_known(given, s)) return ec;
  if (!is_summary(s)) return errc::invalid_argument;
  if (!has_room(s)) return errc::buffer_too_small;
  archive_entry entry;
  if (const auto ec = directory_.describe(archive, entry)) return ec;
  // Its texts are in the directory now; where they do not fit any more they are not written.
  if (!has_room(s)) return errc::buffer_too_small;
  if (!make_room(s)) return errc::buffer_too_small;
  const std::uint32_t control =
      s.congestion_control.empty() ? 0 : names_.number_of(s.congestion_control) + 1;
  entry.records = 1;
  if (archives_.size() == archives_.capacity()) archives_.reserve(2 * archives_.size() + 16);
  put_values(s);
  controls_.add(control);
  archives_.push_back(entry);
  const std::uint64_t records = records_of(s);
  records_ = records > std::numeric_limits<std::uint64_t>::max() - records_
                 ? std::numeric_limits<std::uint64_t>::max()
                 : records_ + records;
  return {};
}

void summary_encoder::put_fields() {
  if (values_ == 0) return;
  byte_stream& fields = of(streams_, stream::fields);
  byte_stream& bits = of(streams_, stream::bits);
  byte_stream& values = of(streams_, stream::values);
  fields.varint(static_cast<std::uint64_t>(std::count_if(
      columns_.begin(), columns_.end(), [](const column& c) { return c.count > 0; })));
  for (const column& c : columns_) {
    if (c.count == 0) continue;
    const bool all = c.count == archives_.size();
    fields.varint(c.field);
    fields.varint(static_cast<std::uint64_t>(all ? column_mode::all : column_mode::some));
    fields.varint(c.values.size());
    values.add(c.values.all());
    if (all) continue;
    for (const std::byte b : c.present) bits.add(b);
    for (std::size_t i = c.present.size(); i < (archives_.size() + 7) / 8; ++i)
      bits.add(std::byte{0});
  }
}

void summary_encoder::put_congestion_controls() {
  if (names_.all().empty()) return;
  byte_stream& to = of(streams_, stream::congestion_controls);
  to.varint(names_.all().size());
  for (const std::string& name : names_.all()) to.varint(name.size());
  for (const std::string& name : names_.all()) to.add(std::as_bytes(std::span(name)));
  for (const std::uint32_t control : controls_) to.varint(control);
}

block_span summary_encoder::about_block() const noexcept {
  block_span about;
  about.is_summaries = true;
  about.records = summaries();
  about.summarized = records_;
  for (const archive_entry& a : archives_) {
    if (!a.has(has_cookie)) {
      about.has_others = true;
      continue;
    }
    about.lowest_cookie = std::min(about.lowest_cookie, a.cookie);
    about.highest_cookie = std::max(about.highest_cookie, a.cookie);
  }
  return about;
}

byte_stream& summary_encoder::encode(block_span& about) {
  for (byte_stream& s : streams_) s.clear();
  std::vector<const archive_entry*> entries;
  entries.reserve(archives_.size());
  for (const archive_entry& a : archives_) entries.push_back(&a);
  directory_.put(entries, of(streams_, stream::texts), of(streams_, stream::contexts),
                 of(streams_, stream::archives));
  put_fields();
  if (buckets_ > 0) of(streams_, stream::rtts).add(rtts_.all());
  put_congestion_controls();
  put_streams(streams_, block_);
  about = about_block();
  return block_;
}

}  // namespace tcpinfo::inline v0::segment_format
