// SPDX-License-Identifier: Apache-2.0
#include "segment/block_tables.h"

#include <algorithm>
#include <new>

#include <tcpinfo/error.h>

#include "segment/checksum.h"
#include "segment/kept_time.h"

namespace tcpinfo::inline v0::segment_format {

block_head read_head(bytes_view block) noexcept {
  const std::byte* const at = block.data();
  block_head h;
  h.version = std::to_integer<std::uint8_t>(at[version_at]);
  h.kind = std::to_integer<std::uint8_t>(at[kind_at]);
  h.features = load_le<std::uint16_t>(at + features_at);
  h.size = load_le<std::uint32_t>(at + size_at);
  h.checksum = load_le<std::uint64_t>(at + checksum_at);
  h.records_before = load_le<std::uint64_t>(at + records_before_at);
  h.records = load_le<std::uint32_t>(at + records_at);
  h.number = load_le<std::uint32_t>(at + number_at);
  return h;
}

std::uint64_t checksum_of(bytes_view block) noexcept {
  checksum sum;
  sum.add(block.first(checksum_at));
  sum.add(block.subspan(checksum_at + sizeof(std::uint64_t)));
  return sum.result();
}

std::error_code block_tables::open(bytes_view block) noexcept {
  const block_head head = read_head(block);
  if (head.version != version || (head.features & ~has_planes) != 0) return errc::unknown_feature;
  features_ = head.features;
  try {
    const bool good = find_streams(block, streams_) && archives_.read(streams_, head.records) &&
                      read_slots() && read_shapes() && read_heads(head.records) &&
                      check_thinned() && read_moments();
    return good ? std::error_code() : errc::bad_block;
  } catch (const std::bad_alloc&) {
    return errc::out_of_memory;
  } catch (...) {
    return errc::bad_block;
  }
}

bool block_tables::read_slots() {
  slots_.clear();
  taker in = of(stream::slots);
  if (in.left() == 0) return true;
  const std::uint64_t count = in.varint(max_slots);
  if (count == 0) return false;
  slots_.resize(count);
  slots_[0].size = wire::inet_diag_msg_size;
  slots_[0].words = head_words;
  for (std::size_t i = 1; i < count; ++i) {
    slot& s = slots_[i];
    s.type = static_cast<std::uint16_t>(in.varint(wire::attribute_type_mask));
    s.size = static_cast<std::uint32_t>(in.varint(0xffff - wire::attribute_header_size));
    s.words = (s.size + 3) / 4;
  }
  return in.ok();
}

bool block_tables::read_shapes() {
  shape_count_ = 0;
  taker in = of(stream::shapes);
  if (in.left() == 0) return true;
  const std::uint64_t count = in.varint(max_shapes);
  if (shapes_.size() < count) shapes_.resize(count);
  for (std::size_t i = 0; i < count; ++i) {
    shape& s = shapes_[i];
    s.rows = 0;
    s.slots.assign(1 + in.varint(max_attributes), head_slot);
    std::size_t words = head_words;
    s.message_size = wire::inet_diag_msg_size;
    for (std::size_t j = 1; j < s.slots.size(); ++j) {
      const std::uint64_t number = in.varint();
      // In the order of their types, so that none is there twice.
      if (!in.ok() || number == head_slot || number >= slots_.size()) return false;
      if (j > 1 && slots_[s.slots[j - 1]].type >= slots_[number].type) return false;
      s.slots[j] = static_cast<std::uint16_t>(number);
      words += slots_[number].words;
      s.message_size += wire::attribute_header_size + 4 * std::size_t{slots_[number].words};
    }
    if (words > max_words) return false;
  }
  shape_count_ = count;
  return in.ok() && (count == 0 || !slots_.empty());
}

bool block_tables::read_heads(std::uint32_t records) {
  taker in = of(stream::heads);
  if (records > in.left() || records > max_records) return false;
  records_ = records;
  runs_.clear();
  for (std::uint32_t left = records; left > 0;) {
    const auto head = static_cast<std::uint32_t>(in.varint((max_shapes + 1) << head_shape_shift));
    const std::size_t number = head >> head_shape_shift;
    if (!in.ok() || (head != 0 && (number == 0 || number > shape_count_))) return false;
    // Most of them take one byte, and are like the one before.
    const std::uint32_t count = 1 + (head < 0x80 ? in.equal_bytes(head, left - 1) : 0);
    left -= count;
    if (!runs_.empty() && runs_.back().head == head)
      runs_.back().count += count;
    else
      runs_.push_back({head, count});
    if (head != 0) shapes_[number - 1].rows += count;
  }
  std::size_t cells = 0;
  for (std::size_t i = 0; i < shape_count_; ++i)
    for (const std::uint16_t n : shapes_[i].slots) {
      slots_[n].rows += shapes_[i].rows;
      cells += std::size_t{shapes_[i].rows} * slots_[n].words;
      if (cells > max_cells) return false;
    }
  return in.ok();
}

bool block_tables::check_thinned() const noexcept {
  taker in = of(stream::thinned);
  auto at = runs_.begin();
  std::uint64_t end = at == runs_.end() ? 0 : at->count;  // of the run: so many records until then
  for (std::uint64_t number = 0; in.left() > 0;) {
    const std::uint64_t on = in.varint(records_ - number);
    number += on;
    // Each of them once, and of messages alone.
    if (!in.ok() || on == 0) return false;
    while (number > end) end += (++at)->count;
    if (at->head == 0 || in.varint(0xffff'ffff) == 0) return false;
  }
  return in.ok();
}

bool block_tables::read_moments() {
  moments_.clear();
  taker in = of(stream::moments);
  if (in.left() == 0) return true;
  own_moments_ = in.varint(1) != 0;
  const std::uint64_t count = in.varint(max_records);
  const std::uint64_t unit = in.varint();
  std::uint64_t time = in.unfolded();
  if (count > in.left()) return false;
  moments_.resize(count);
  std::int64_t lowest = static_cast<std::int64_t>(time);
  std::int64_t highest = lowest;
  for (moment& m : moments_) {
    time += unfold(in.medium_varint()) * unit;
    m.time_ns = static_cast<std::int64_t>(time);
    lowest = std::min(lowest, m.time_ns);
    highest = std::max(highest, m.time_ns);
  }
  if (!is_kept_time(lowest) || !is_kept_time(highest)) return false;
  std::uint64_t poll = 0;
  for (std::size_t i = 0; i < moments_.size();) {
    const std::uint64_t folded = in.varint();
    moments_[i++].poll = (poll += unfold(folded)) - 1;
    // Most polls are the one after the one before.
    const auto left = static_cast<std::uint32_t>(moments_.size() - i);
    const std::uint32_t alike =
        folded < 0x80 ? in.equal_bytes(static_cast<std::uint32_t>(folded), left) : 0;
    for (std::uint32_t n = 0; n < alike; ++n) moments_[i++].poll = (poll += unfold(folded)) - 1;
  }
  return in.ok();
}

namespace {

// The moments of eight messages, whose numbers are differences to what is expected.
bool take_eight(std::uint64_t folded, std::span<const moment> table, std::uint32_t& expected,
                moment*& to) noexcept {
  // Of small ones that go on alone the last moment is the latest one in the table, and known by
  // their sum.
  constexpr std::uint64_t others = 0xc1c1'c1c1'c1c1'c1c1U;
  constexpr std::uint64_t ones = 0x0101'0101'0101'0101U;
  const std::uint64_t sum = (folded >> 1U) * ones >> 56U;
  if ((folded & others) == 0 && expected + sum + 8 <= table.size()) {
    const moment* from = table.data() + expected;
    const moment* const begin = from;
    for (unsigned i = 0; i < 8; ++i, folded >>= 8U) {
      from += folded >> 1U & 0x7fU;
      *to++ = *from++;
    }
    expected += static_cast<std::uint32_t>(from - begin);
    return true;
  }
  for (unsigned i = 0; i < 8; ++i, folded >>= 8U) {
    expected += unfold(static_cast<std::uint32_t>(folded & 0xffU));
    if (expected >= table.size()) return false;
    *to++ = table[expected++];
  }
  return true;
}

}  // namespace

bool moment_cursor::next(std::size_t count, std::vector<moment>& room,
                         std::span<const moment>& out) {
  const std::span<const moment> table(*moments_);
  out = {};
  if (count == 0) return true;
  taker numbers = numbers_;  // copies stay in registers
  std::uint32_t expected = expected_;
  const auto size = static_cast<std::uint32_t>(table.size());
  std::size_t given = 0;
  // Of many most follow the one before: then nothing is copied.
  if (own_ || count >= 16) {
    if (!own_) expected += unfold(static_cast<std::uint32_t>(numbers.short_varint()));
    if (expected >= size) return false;
    const std::size_t follow = std::min<std::size_t>(count, size - expected) - 1;
    given = 1 + (own_ ? follow : numbers.equal_bytes(0, static_cast<std::uint32_t>(follow)));
    out = table.subspan(expected, given);
    expected += static_cast<std::uint32_t>(given);
  }
  if (given < count) {
    if (own_) return false;
    if (room.size() < count) room.resize(count);
    moment* to = std::copy(out.begin(), out.end(), room.data());
    const moment* const from = table.data();
    const moment* const end = room.data() + count;
    while (to != end) {
      std::uint64_t eight = 0;
      if (end - to < 8 || !numbers.next_eight(eight)) {
        expected += unfold(static_cast<std::uint32_t>(numbers.medium_varint()));
        if (expected >= size) return false;
        *to++ = from[expected++];
      } else if (eight == 0 && expected + std::uint64_t{8} <= size) {
        const std::size_t most =
            std::min(static_cast<std::size_t>(end - to), std::size_t{size - expected}) - 8;
        const auto follow = 8 + numbers.equal_bytes(0, static_cast<std::uint32_t>(most));
        to = std::copy_n(from + expected, follow, to);
        expected += follow;
      } else if (!take_eight(eight, table, expected, to)) {
        return false;
      }
    }
    out = {room.data(), count};
  }
  expected_ = expected;
  numbers_ = numbers;
  return numbers.ok();
}

}  // namespace tcpinfo::inline v0::segment_format
