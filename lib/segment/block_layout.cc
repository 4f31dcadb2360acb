// SPDX-License-Identifier: Apache-2.0
#include "segment/block_layout.h"

#include <algorithm>
#include <cstring>

#include "segment/varint.h"

namespace tcpinfo::inline v0::segment_format {
namespace {

std::uint32_t next_entry(const std::byte* log, std::uint32_t entry) noexcept {
  std::uint32_t next = 0;
  std::memcpy(&next, log + entry, sizeof next);
  return next;
}

}  // namespace

std::size_t block_layout::memory_bytes() const noexcept {
  std::size_t bytes = columns_.memory_bytes() + bases_.capacity_bytes() +
                      message_moments_.capacity_bytes() + block_.capacity_bytes() +
                      parts_.capacity() * sizeof parts_[0];
  for (const byte_stream& s : streams_) bytes += s.capacity_bytes();
  return bytes;
}

void block_layout::begin(record_window& window) {
  window_ = &window;
  window.sort_into(parts_);
  at_ = 0;
}

// Gives a shape that the block has not had, and its slots, their numbers.
void block_layout::use_shape(std::uint32_t number) {
  if (slots_.empty()) {
    // The head is the first slot of every block.
    (void)slot_numbers_.number_of(head_slot);
    slots_.push_back({head_words, 0, columns_.add(head_words), 0});
    std::fill_n(bases_.room(head_words), head_words, 0U);
    bases_.shrink(head_words);
  }
  std::vector<std::uint16_t>& shape = shapes_.emplace_back();
  for (const std::uint16_t of_window : window_->shapes()[number]) {
    const std::uint32_t n = slot_numbers_.number_of(of_window);
    shape.push_back(static_cast<std::uint16_t>(n));
    if (n < slots_.size()) continue;
    const std::uint32_t words = window_->slots()[of_window].words;
    const std::size_t base = bases_.size();
    std::fill_n(bases_.room(words), words, 0U);
    bases_.shrink(base + words);
    slots_.push_back({words, 0, columns_.add(words), static_cast<std::uint32_t>(base)});
  }
}

// The first words that an archive has in a slot are held against the first of the archive before
// it; the cookie, which is known, against that.
const std::byte* block_layout::put_first(slot& s, const std::byte* words, bool is_head,
                                         const archive_entry& about) {
  std::uint32_t* const base = bases_.data() + s.base;
  if (is_head && about.has(has_cookie)) {
    base[cookie_word] = static_cast<std::uint32_t>(about.cookie);
    base[cookie_word + 1] = static_cast<std::uint32_t>(about.cookie >> 32U);
  }
  for (std::uint32_t i = 0; i < s.words; ++i) {
    std::uint32_t word = 0;
    std::memcpy(&word, words + 4 * std::size_t{i}, sizeof word);
    if (word != base[i]) columns_.change(s.first + i, s.rows, fold(word - base[i]));
    base[i] = word;
  }
  return words + 4 * std::size_t{s.words};
}

void block_layout::put_records(const record_window::part& p, block_span& about) {
  byte_stream& heads = of(stream::heads);
  const std::byte* const log = window_->log();
  for (std::uint32_t entry = p.first; entry != 0;) {
    const std::byte* at = log + entry;
    entry = next_entry(log, entry);
    // The next one is anywhere in the log.
    __builtin_prefetch(log + entry);
    __builtin_prefetch(log + entry + 64);
    at += sizeof(std::uint32_t);
    const std::uint64_t logged = next_varint(at);
    const auto head = static_cast<std::uint32_t>(logged);
    ++record_;
    if (head == 0) {
      const auto size = static_cast<std::size_t>(next_varint(at));
      heads.varint(0);
      of(stream::line_sizes).varint(size);
      of(stream::lines).add(std::span(at, size));
      about.has_others = true;
      continue;
    }
    const std::uint32_t of_window = (head >> head_shape_shift) - 1;
    const std::uint32_t shape = shape_numbers_.number_of(of_window);
    if (shape == shapes_.size()) use_shape(of_window);
    heads.varint((shape + 1) << head_shape_shift | (head & (head_ended | head_carried)));
    const auto moment_number = static_cast<std::uint32_t>(next_varint(at));
    message_moments_.add(moment_number);
    const std::int64_t time_ns = window_->moments().all()[moment_number].time_ns;
    about.first_ns = std::min(about.first_ns, time_ns);
    about.last_ns = std::max(about.last_ns, time_ns);
    if ((head & head_ended) != 0) of(stream::extras).varint(next_varint(at));
    if ((head & head_carried) != 0) of(stream::extras).varint(next_varint(at));
    if ((logged & record_window::log_thinned) != 0) {
      of(stream::thinned).varint(record_ - last_thinned_);
      of(stream::thinned).varint(next_varint(at));
      last_thinned_ = record_;
    }
    for (const std::uint16_t n : shapes_[shape]) {
      slot& s = slots_[n];
      auto change = static_cast<std::uint32_t>(next_varint(at));
      if (change == record_window::log_first_words) {
        at = put_first(s, at, n == head_slot, p.about);
      } else {
        for (; change != record_window::log_end_of_slot;
             change = static_cast<std::uint32_t>(next_varint(at)))
          at = columns_.change(s.first + (change - record_window::log_change), s.rows, at);
      }
      ++s.rows;
    }
  }
}

void block_layout::put_slots() {
  if (slots_.empty()) return;
  byte_stream& slots = of(stream::slots);
  slots.varint(slots_.size());
  for (const std::uint32_t n : slot_numbers_.used().subspan(1)) {
    slots.varint(window_->slots()[n].type);
    slots.varint(window_->slots()[n].size);
  }
  byte_stream& shapes = of(stream::shapes);
  shapes.varint(shapes_.size());
  for (const auto& shape : shapes_) {
    shapes.varint(shape.size() - 1);  // the head is in each
    for (std::size_t i = 1; i < shape.size(); ++i) shapes.varint(shape[i]);
  }
}

std::uint16_t block_layout::put_columns() {
  std::uint16_t features = 0;
  for (const slot& s : slots_)
    if (columns_.put(s.first, s.words, s.rows, of(stream::columns), of(stream::rows),
                     of(stream::bits), of(stream::deltas)))
      features = has_planes;
  return features;
}

byte_stream* block_layout::next(block_span& about) {
  if (at_ == parts_.size()) return nullptr;
  for (byte_stream& s : streams_) s.clear();
  entries_.clear();
  slot_numbers_.restart(window_->slots().size());
  shape_numbers_.restart(window_->shapes().size());
  slots_.clear();
  shapes_.clear();
  columns_.clear();
  bases_.clear();
  message_moments_.clear();
  record_ = last_thinned_ = 0;
  about = {};

  std::size_t bytes = 0;
  std::size_t cells = 0;
  for (; at_ < parts_.size(); ++at_) {
    record_window::part& p = *parts_[at_];
    bytes += p.bytes;
    cells += p.cells;
    if (!entries_.empty() &&
        (bytes > full_part || cells > max_cells || record_ + p.about.records > max_records))
      break;
    archive_entry& e = p.about;
    if (e.has(has_start) && p.first_ns && *p.first_ns == e.start_ns)
      e.flags = (e.flags & ~std::uint32_t{has_start}) | starts_with_first;
    entries_.push_back(&e);
    put_records(p, about);
    if (!e.has(has_cookie)) {
      about.has_others = true;
      continue;
    }
    about.lowest_cookie = std::min(about.lowest_cookie, e.cookie);
    about.highest_cookie = std::max(about.highest_cookie, e.cookie);
  }
  about.records = record_;
  window_->directory().put(entries_, of(stream::texts), of(stream::contexts), of(stream::archives));
  put_slots();
  window_->moments().put(message_moments_, of(stream::moments), of(stream::moment_numbers));
  const std::uint16_t features = put_columns();
  put_streams(streams_, block_);
  store_le(block_.data() + features_at, features);
  return &block_;
}

}  // namespace tcpinfo::inline v0::segment_format
