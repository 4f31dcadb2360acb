// SPDX-License-Identifier: Apache-2.0
//
// The beginning of reading a block: its tables.
#include <algorithm>
#include <new>

#include "segment/block_decoder.h"
#include "segment/checksum.h"

namespace tcpinfo::inline v0::segment_format {
namespace {

template <class Streams>
taker from(const Streams& streams, stream which) noexcept {
  return taker(streams[static_cast<std::size_t>(which)]);
}

}  // namespace

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

std::error_code block_decoder::open(bytes_view block) noexcept {
  left_ = 0;
  fault_.clear();
  const block_head head = read_head(block);
  if (head.version != version || head.features != 0) return errc::unknown_feature;
  if (head.kind != kind_records) return {};  // something beside the records
  // Their views are of the block before.
  about_ = {};
  metadata_ = {};
  try {
    const bool good = read_directory(block) && read_texts() && read_archives(head.records) &&
                      read_slots() && read_shapes() && read_heads(head.records) &&
                      check_thinned() && read_moments() && read_columns();
    if (!good) return errc::bad_block;
  } catch (const std::bad_alloc&) {
    return errc::out_of_memory;
  } catch (...) {
    return errc::bad_block;
  }
  left_ = head.records;
  at_ = 0;
  archive_ = archive_left_ = 0;
  shape_ = nullptr;
  moment_ = 0;
  moment_numbers_ = from(streams_, stream::moment_numbers);
  extras_ = from(streams_, stream::extras);
  thinned_ = from(streams_, stream::thinned);
  thinned_at_ = thinned_.left() == 0 ? 0 : thinned_.varint();
  line_sizes_ = from(streams_, stream::line_sizes);
  lines_ = from(streams_, stream::lines);
  return {};
}

bool block_decoder::read_directory(bytes_view block) {
  streams_ = {};
  taker in(block.subspan(head_size));
  const std::uint64_t count = in.varint(255);
  struct entry {
    std::uint64_t id;
    std::uint64_t size;
  };
  std::array<entry, 255> entries;
  for (std::size_t i = 0; i < count; ++i) {
    entries[i].id = in.varint();
    entries[i].size = in.varint();
  }
  for (std::size_t i = 0; i < count; ++i) {
    const bytes_view bytes = in.bytes(entries[i].size);
    if (entries[i].id < streams_.size()) streams_[entries[i].id] = bytes;
  }
  return in.ok() && in.left() == 0;
}

bool block_decoder::read_texts() {
  texts_.clear();
  contexts_.clear();
  // Archives are told of beyond the end of their block, whose memory is the caller's.
  const bytes_view kept = streams_[static_cast<std::size_t>(stream::texts)];
  text_bytes_.assign(kept.begin(), kept.end());
  taker in(text_bytes_);
  if (in.left() > 0) {
    const std::uint64_t count = in.varint(max_texts);
    taker sizes = in;
    for (std::uint64_t i = 0; i < count && in.ok(); ++i) (void)in.varint(max_text);
    for (std::uint64_t i = 0; i < count && in.ok(); ++i) {
      const bytes_view text = in.bytes(sizes.varint());
      texts_.emplace_back(reinterpret_cast<const char*>(text.data()), text.size());
    }
  }
  taker contexts = from(streams_, stream::contexts);
  if (contexts.left() > 0) {
    const std::uint64_t count = contexts.varint(max_contexts);
    // A later version may know more texts; those behind ours are passed over.
    const std::uint64_t written = contexts.varint(max_context_texts);
    contexts_.assign(contexts.ok() ? count : 0, {});
    for (context& c : contexts_)
      for (std::uint64_t i = 0; i < written; ++i) {
        const std::uint64_t number = contexts.varint(texts_.size());
        if (i < c.size()) c[i] = static_cast<std::uint32_t>(number);
      }
  }
  return in.ok() && contexts.ok();
}

bool block_decoder::read_archives(std::uint32_t records) {
  taker in = from(streams_, stream::archives);
  archives_.assign(in.varint(max_archives), {});
  for (archive_entry& a : archives_) a.flags = static_cast<std::uint32_t>(in.varint(0xffff'ffff));
  std::uint64_t total = 0;
  for (archive_entry& a : archives_)
    total += a.records = static_cast<std::uint32_t>(in.varint(records));
  if (total != records) return false;
  const auto has = [](const archive_entry& a, std::uint32_t flag) { return (a.flags & flag) != 0; };
  const auto number_below = [&in](std::size_t count) {
    if (count == 0) return static_cast<std::uint32_t>(in.varint() | ~std::uint64_t{0});
    return static_cast<std::uint32_t>(in.varint(count - 1));
  };
  bool good = true;
  const auto take = [&](std::uint32_t& to, std::size_t count) {
    to = number_below(count);
    good = good && to < count;
  };
  for (archive_entry& a : archives_)
    if (has(a, has_metadata)) take(a.context, contexts_.size());
  std::uint64_t before = 0;
  for (archive_entry& a : archives_)
    if (has(a, has_cookie)) {
      good = good && has(a, has_metadata) &&
             text(contexts_[a.context][0]).size() <= max_uuid_prefix_size;
      before = a.cookie = before + in.unfolded();
    } else if (has(a, has_metadata)) {
      take(a.uuid, texts_.size());
    }
  for (archive_entry& a : archives_)
    if (has(a, has_metadata)) a.sequence = in.varint();
  before = 0;
  for (archive_entry& a : archives_)
    if (has(a, has_start)) {
      before += in.unfolded();
      a.start_ns = static_cast<std::int64_t>(before);
    }
  for (archive_entry& a : archives_)
    if (has(a, has_opened)) a.opened_ns = static_cast<std::int64_t>(in.unfolded());
  before = 0;
  for (archive_entry& a : archives_)
    if (has(a, has_path)) {
      take(a.path, texts_.size());
      good = good && texts_[a.path].find('\0') == std::string_view::npos;
    } else {
      before += in.unfolded();
      a.day = static_cast<std::int64_t>(before);
    }
  return good && in.ok();
}

bool block_decoder::read_slots() {
  slots_.clear();
  taker in = from(streams_, stream::slots);
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

bool block_decoder::read_shapes() {
  shape_count_ = 0;
  taker in = from(streams_, stream::shapes);
  if (in.left() == 0) return true;
  const std::uint64_t count = in.varint(max_shapes);
  if (shapes_.size() < count) shapes_.resize(count);
  for (std::size_t i = 0; i < count; ++i) {
    shape& s = shapes_[i];
    s.message.clear();
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

bool block_decoder::read_heads(std::uint32_t records) {
  taker in = from(streams_, stream::heads);
  if (records > in.left() || records > max_records) return false;
  heads_.resize(records);
  for (std::uint32_t& head : heads_) {
    head = static_cast<std::uint32_t>(in.varint((max_shapes + 1) << head_shape_shift));
    if (head == 0) continue;
    const std::size_t number = head >> head_shape_shift;
    if (number == 0 || number > shape_count_) return false;
    ++shapes_[number - 1].rows;
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

bool block_decoder::check_thinned() const noexcept {
  taker in = from(streams_, stream::thinned);
  for (std::uint64_t number = 0; in.left() > 0;) {
    const std::uint64_t on = in.varint(heads_.size() - number);
    number += on;
    // Each of them once, and of messages alone.
    if (!in.ok() || on == 0 || heads_[number - 1] == 0) return false;
    if (in.varint(0xffff'ffff) == 0) return false;
  }
  return in.ok();
}

bool block_decoder::read_moments() {
  moments_.clear();
  taker in = from(streams_, stream::moments);
  if (in.left() == 0) return true;
  own_moments_ = in.varint(1) != 0;
  const std::uint64_t count = in.varint(max_records);
  const std::uint64_t unit = in.varint();
  std::uint64_t time = in.unfolded();
  moments_.resize(count);
  for (moment& m : moments_) {
    time += in.unfolded() * unit;
    m.time_ns = static_cast<std::int64_t>(time);
    if (!is_kept_time(m.time_ns)) return false;
  }
  std::uint64_t poll = 0;
  for (moment& m : moments_) {
    poll += in.unfolded();
    m.poll = poll - 1;
  }
  return in.ok();
}

bool block_decoder::read_column(slot& s, std::uint32_t word, taker& columns, taker& rows,
                                taker& bits, taker& deltas) {
  column& c = columns_[s.first + word];
  const auto mode = static_cast<column_mode>(columns.varint(3));
  if (mode == column_mode::none) return true;
  c.deltas = taker(deltas.bytes(columns.varint()));
  const std::uint64_t bit = std::uint64_t{1} << (word % 64);
  std::uint64_t* const masks = masks_.data() + s.mask_at + word / 64;
  if (mode == column_mode::all) {
    for (std::uint32_t row = 0; row < s.rows; ++row) masks[std::size_t{row} * s.mask_words] |= bit;
  } else if (mode == column_mode::few) {
    std::uint64_t row = 0;
    for (std::uint64_t n = columns.varint(s.rows); n > 0; --n, ++row) {
      row += rows.varint();
      if (!rows.ok() || row >= s.rows) return false;
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
  return columns.ok() && rows.ok() && bits.ok() && deltas.ok();
}

bool block_decoder::read_columns() {
  std::uint32_t columns_count = 0;
  std::size_t masks_count = 0;
  std::uint32_t words = 0;
  std::size_t told = 0;
  for (slot& s : slots_) {
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
  taker columns = from(streams_, stream::columns);
  taker rows = from(streams_, stream::rows);
  taker bits = from(streams_, stream::bits);
  taker deltas = from(streams_, stream::deltas);
  for (slot& s : slots_)
    for (std::uint32_t word = 0; word < s.words; ++word) {
      if (s.rows == 0) {
        if (columns.varint() != 0) return false;
      } else if (!read_column(s, word, columns, rows, bits, deltas)) {
        return false;
      }
    }
  return columns.ok();
}

}  // namespace tcpinfo::inline v0::segment_format
