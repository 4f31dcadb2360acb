// SPDX-License-Identifier: Apache-2.0
//
// The records of a block. A message is not made anew: it stands in the memory of its shape, and the
// next one of the connection changes what has changed in it.
#include "segment/block_decoder.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <new>
#include <optional>

#include <tcpinfo/error.h>

#include "segment/kept_time.h"

namespace tcpinfo::inline v0::segment_format {
namespace {

void add_le(std::byte* to, std::uint32_t difference) noexcept {
  store_le<std::uint32_t>(to, load_le<std::uint32_t>(to) + difference);
}

}  // namespace

std::error_code block_decoder::open(bytes_view block) noexcept {
  left_ = 0;
  fault_.clear();
  if (const auto ec = tables_.open(block)) return ec;
  try {
    if (!read_columns()) return errc::bad_block;
    if (shapes_.size() < tables_.shape_count()) shapes_.resize(tables_.shape_count());
  } catch (const std::bad_alloc&) {
    return errc::out_of_memory;
  } catch (...) {
    return errc::bad_block;
  }
  for (shape& s : shapes_) s.message.clear();
  left_ = tables_.records();
  run_ = 0;
  run_left_ = left_ == 0 ? 0 : tables_.runs()[0].count;
  record_ = 0;
  archive_ = archive_left_ = 0;
  shape_ = 0;
  moments_ = moment_cursor(tables_);
  extras_ = tables_.of(stream::extras);
  thinned_ = tables_.of(stream::thinned);
  thinned_at_ = thinned_.left() == 0 ? 0 : thinned_.varint();
  line_sizes_ = tables_.of(stream::line_sizes);
  lines_ = tables_.of(stream::lines);
  return {};
}

bool block_decoder::read_column(slot& s, std::uint32_t word, taker& rows, taker& bits) {
  written_differences one;
  if (!written_.next(s.rows, one) || !written_.join(one)) return false;
  const column_mode mode = one.mode;
  if (mode == column_mode::none) return true;
  columns_[s.first + word].deltas = taker(one.bytes);
  const std::uint64_t bit = std::uint64_t{1} << (word % 64);
  std::uint64_t* const masks = masks_.data() + s.mask_at + word / 64;
  if (mode == column_mode::all) {
    for (std::uint32_t row = 0; row < s.rows; ++row) masks[std::size_t{row} * s.mask_words] |= bit;
  } else if (mode == column_mode::few) {
    std::uint64_t row = 0;
    for (std::uint64_t n = one.changes; n > 0; --n, ++row) {
      const std::uint64_t distance = rows.varint();
      if (!rows.ok() || distance >= s.rows - row) return false;
      row += distance;
      masks[row * s.mask_words] |= bit;
    }
  } else {
    const bytes_view set = bits.bytes((std::size_t{s.rows} + 7) / 8);
    for (std::size_t i = 0; i < set.size(); ++i)
      for (auto left = std::to_integer<unsigned>(set[i]); left != 0; left &= left - 1) {
        const std::size_t row = 8 * i + static_cast<unsigned>(std::countr_zero(left));
        if (row >= s.rows) return false;
        masks[row * s.mask_words] |= bit;
      }
  }
  return rows.ok() && bits.ok();
}

bool block_decoder::read_columns() {
  std::uint32_t columns_count = 0;
  std::size_t masks_count = 0;
  std::uint32_t words = 0;
  std::size_t told = 0;
  slots_.clear();
  for (const block_tables::slot& of_table : tables_.slots()) {
    slot& s = slots_.emplace_back();
    s.words = of_table.words;
    s.rows = of_table.rows;
    told += s.words;
    if (told > max_columns) return false;
    s.first = columns_count;
    s.base = words;
    s.mask_at = static_cast<std::uint32_t>(masks_count);
    s.mask_words = (s.words + 63) / 64;
    if (s.rows == 0) continue;  // nothing is written of it but that nothing changed
    columns_count += s.words;
    words += s.words;
    masks_count += std::size_t{s.rows} * s.mask_words;
  }
  columns_.assign(columns_count, {});
  masks_.assign(masks_count, 0);
  bases_.assign(words, 0);
  for (slot& s : slots_) s.mask = masks_.data() + s.mask_at;
  taker rows = tables_.of(stream::rows);
  taker bits = tables_.of(stream::bits);
  written_.open(tables_);
  for (slot& s : slots_)
    for (std::uint32_t word = 0; word < s.words; ++word)
      if (!read_column(s, word, rows, bits)) return false;
  return true;
}

// `head`: of its first record. False where its times are none.
bool block_decoder::begin_archive(std::uint32_t head) {
  archive_left_ = tables_.archives().entries()[archive_ - 1].records;
  shape_ = 0;
  std::optional<std::int64_t> first_ns;
  if (head != 0)
    if (const moment* const first = moments_.peek()) first_ns = first->time_ns;
  return tables_.archives().choose(archive_ - 1, first_ns);
}

// Headers of attributes, and zeros.
void block_decoder::make_message(std::size_t number) {
  const block_tables::shape& parts = tables_.shape_at(number);
  shape& s = shapes_[number];
  s.message.assign(parts.message_size, std::byte{0});
  s.at.assign(1, 0);
  std::size_t at = wire::inet_diag_msg_size;
  for (std::size_t i = 1; i < parts.slots.size(); ++i) {
    const block_tables::slot& part = tables_.slots()[parts.slots[i]];
    const auto length = static_cast<std::uint16_t>(part.size + wire::attribute_header_size);
    std::memcpy(s.message.data() + at, &length, sizeof length);
    std::memcpy(s.message.data() + at + sizeof length, &part.type, sizeof part.type);
    at += wire::attribute_header_size;
    s.at.push_back(static_cast<std::uint32_t>(at));
    at += 4 * std::size_t{part.words};
  }
}

// Brings the latest payloads of the slots into the shape's memory.
void block_decoder::enter(std::size_t number) {
  shape& s = shapes_[number];
  if (s.message.empty()) make_message(number);
  const std::vector<std::uint16_t>& parts = tables_.shape_at(number).slots;
  const archive_entry& about = tables_.archives().entries()[archive_ - 1];
  for (std::size_t i = 0; i < parts.size(); ++i) {
    slot& part = slots_[parts[i]];
    std::byte* const to = s.message.data() + s.at[i];
    if (part.archive == archive_) {
      if (part.latest != to) std::memcpy(to, part.latest, 4 * std::size_t{part.words});
      part.latest = to;
      continue;
    }
    // Its first in this archive: apply() sees that.
    for (std::uint32_t w = 0; w < part.words; ++w)
      store_le(to + 4 * std::size_t{w}, bases_[part.base + w]);
    if (parts[i] == head_slot && about.has(has_cookie))
      store_le(to + 4 * cookie_word, about.cookie);
    part.latest = to;
  }
  shape_ = number + 1;
}

bool block_decoder::apply(slot& s) noexcept {
  column* const columns = columns_.data() + s.first;
  for (std::uint32_t m = 0; m < s.mask_words; ++m)
    for (std::uint64_t left = s.mask[m]; left != 0; left &= left - 1) {
      const std::uint32_t word = 64 * m + static_cast<unsigned>(std::countr_zero(left));
      taker& deltas = columns[word].deltas;
      const auto folded = static_cast<std::uint32_t>(deltas.short_varint());
      if (!deltas.ok()) return false;
      add_le(s.latest + 4 * std::size_t{word}, unfold(folded));
    }
  s.mask += s.mask_words;
  if (s.archive != archive_) {
    s.archive = archive_;
    for (std::uint32_t w = 0; w < s.words; ++w)
      bases_[s.base + w] = load_le<std::uint32_t>(s.latest + 4 * std::size_t{w});
  }
  return true;
}

bool block_decoder::read_message(std::uint32_t head, segment_record& out) {
  const moment* const found = moments_.next();
  if (found == nullptr) return false;
  const moment& at = *found;
  out.time = timestamp::from_unix_nanoseconds(at.time_ns);
  out.poll = at.poll;
  if ((head & head_ended) != 0)
    out.ended = timestamp::from_unix_nanoseconds(
        static_cast<std::int64_t>(static_cast<std::uint64_t>(at.time_ns) + extras_.unfolded()));
  if ((head & head_carried) != 0)
    out.carried = static_cast<std::uint32_t>(extras_.varint(0xffff'ffff));
  if (!extras_.ok()) return false;
  const std::size_t number = (head >> head_shape_shift) - 1;
  if (shape_ != number + 1) enter(number);
  for (const std::uint16_t n : tables_.shape_at(number).slots) {
    slot& s = slots_[n];
    // From one message to the next most attributes stay as they are.
    if (s.mask_words == 1 && *s.mask == 0 && s.archive == archive_)
      ++s.mask;
    else if (!apply(s))
      return false;
  }
  out.m.bytes = shapes_[number].message;
  return true;
}

// All of it was looked at when the block was opened.
void block_decoder::read_thinned(segment_record& out) noexcept {
  out.thinned = static_cast<std::uint32_t>(thinned_.varint());
  thinned_at_ = thinned_.left() == 0 ? 0 : thinned_at_ + thinned_.varint();
}

bool block_decoder::next(segment_record& out) {
  if (left_ == 0) return false;
  --left_;
  ++record_;
  if (run_left_ == 0) run_left_ = tables_.runs()[++run_].count;
  --run_left_;
  const std::uint32_t head = tables_.runs()[run_].head;
  out = {};
  bool good = true;
  while (archive_left_ == 0) {
    // One of them has a record: there are as many as the archives say.
    ++archive_;
    archive_left_ = tables_.archives().entries()[archive_ - 1].records;
    if (archive_left_ == 0) continue;
    good = begin_archive(head);
    out.first = 1;
  }
  --archive_left_;
  if (head != 0) {
    good = good && read_message(head, out);
    if (record_ == thinned_at_) read_thinned(out);
  } else {
    const bytes_view line = lines_.bytes(line_sizes_.varint(max_segment_line));
    good = good && lines_.ok() && line_sizes_.ok();
    out.line = {reinterpret_cast<const char*>(line.data()), line.size()};
  }
  if (good) return true;
  fault_ = errc::bad_block;
  left_ = 0;
  return false;
}

}  // namespace tcpinfo::inline v0::segment_format
