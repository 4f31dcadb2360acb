// SPDX-License-Identifier: Apache-2.0
//
// The records of a block. A message is not made anew: it stands in the memory of its shape, and the
// next one of the connection changes what has changed in it.
#include "segment/block_decoder.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace tcpinfo::inline v0::segment_format {
namespace {

constexpr std::int64_t day_seconds = 86'400;

void add_le(std::byte* to, std::uint32_t difference) noexcept {
  store_le<std::uint32_t>(to, load_le<std::uint32_t>(to) + difference);
}

}  // namespace

std::string_view block_decoder::text(std::uint32_t number) const noexcept {
  return number == 0 ? std::string_view() : texts_[number - 1];
}

// `head`: of its first record. False where its times are none.
bool block_decoder::begin_archive(std::uint32_t head) {
  const archive_entry& a = archives_[archive_ - 1];
  const auto has = [&a](std::uint32_t flag) { return (a.flags & flag) != 0; };
  archive_left_ = a.records;
  shape_ = nullptr;
  about_ = {};
  about_.goes_on = has(goes_on) ? 1 : 0;
  metadata_ = {};
  metadata_.byte_order = {};
  if (has(has_metadata)) {
    const context& c = contexts_[a.context];
    if (has(has_cookie)) {
      const std::string_view prefix = text(c[0]);
      uuid_.resize(prefix.size() + 17);
      (void)format_uuid(prefix, a.cookie, uuid_);
      metadata_.uuid = uuid_;
    } else {
      metadata_.uuid = texts_[a.uuid];
    }
    metadata_.sequence = a.sequence;
    std::int64_t start_ns = a.start_ns;
    if (has(starts_with_first) && head != 0) {
      const std::uint32_t first = own_moments_ ? moment_ : moment_ + [this] {
        taker peek = moment_numbers_;
        return unfold(static_cast<std::uint32_t>(peek.varint()));
      }();
      if (first < moments_.size()) start_ns = moments_[first].time_ns;
    }
    if (has(starts_with_first) || has(has_start))
      metadata_.start_time = timestamp::from_unix_nanoseconds(start_ns);
    if (!is_kept_time(start_ns)) return false;
    if (has(has_opened)) {
      const auto opened_ns = static_cast<std::int64_t>(static_cast<std::uint64_t>(start_ns) +
                                                       static_cast<std::uint64_t>(a.opened_ns));
      if (!is_kept_time(opened_ns)) return false;
      metadata_.opened = timestamp::from_unix_nanoseconds(opened_ns);
    }
    metadata_.host = text(c[1]);
    metadata_.kernel = text(c[2]);
    metadata_.collector = text(c[3]);
    metadata_.interval = text(c[4]);
    metadata_.run = text(c[5]);
    metadata_.netns = text(c[6]);
    metadata_.byte_order = text(c[7]);
    metadata_.policy = text(c[8]);
    about_.about = &metadata_;
  }
  if (has(has_path)) {
    about_.path = texts_[a.path];
    return true;
  }
  // Wrong days make no path.
  constexpr std::int64_t far = 4'000'000;
  path_.resize(max_archive_path_size);
  const timestamp date{std::clamp(a.day, -far, far) * day_seconds, 0, 0};
  path_.resize(format_archive_path(date, metadata_.uuid, a.sequence, path_, nullptr));
  about_.path = path_;
  return true;
}

// Headers of attributes, and zeros.
void block_decoder::make_message(shape& s) const {
  s.message.assign(s.message_size, std::byte{0});
  s.at.assign(1, 0);
  std::size_t at = wire::inet_diag_msg_size;
  for (std::size_t i = 1; i < s.slots.size(); ++i) {
    const slot& part = slots_[s.slots[i]];
    const auto length = static_cast<std::uint16_t>(part.size + wire::attribute_header_size);
    std::memcpy(s.message.data() + at, &length, sizeof length);
    std::memcpy(s.message.data() + at + sizeof length, &part.type, sizeof part.type);
    at += wire::attribute_header_size;
    s.at.push_back(static_cast<std::uint32_t>(at));
    at += 4 * std::size_t{part.words};
  }
}

// Brings the latest payloads of the slots into the shape's memory.
void block_decoder::enter(shape& s) {
  if (s.message.empty()) make_message(s);
  for (std::size_t i = 0; i < s.slots.size(); ++i) {
    slot& part = slots_[s.slots[i]];
    std::byte* const to = s.message.data() + s.at[i];
    if (part.archive == archive_) {
      if (part.latest != to) std::memcpy(to, part.latest, 4 * std::size_t{part.words});
      part.latest = to;
      continue;
    }
    // Its first in this archive: apply() sees that.
    for (std::uint32_t w = 0; w < part.words; ++w)
      store_le(to + 4 * std::size_t{w}, bases_[part.base + w]);
    if (s.slots[i] == head_slot && (archives_[archive_ - 1].flags & has_cookie) != 0)
      store_le(to + 4 * cookie_word, archives_[archive_ - 1].cookie);
    part.latest = to;
  }
  shape_ = &s;
}

bool block_decoder::apply(slot& s) noexcept {
  const std::uint64_t* const mask = masks_.data() + s.mask_at + std::size_t{s.row} * s.mask_words;
  for (std::uint32_t m = 0; m < s.mask_words; ++m)
    for (std::uint64_t left = mask[m]; left != 0; left &= left - 1) {
      const std::uint32_t word = 64 * m + static_cast<unsigned>(std::countr_zero(left));
      taker& deltas = columns_[s.first + word].deltas;
      const auto folded = static_cast<std::uint32_t>(deltas.varint());
      if (!deltas.ok()) return false;
      add_le(s.latest + 4 * std::size_t{word}, unfold(folded));
    }
  ++s.row;
  if (s.archive != archive_) {
    s.archive = archive_;
    for (std::uint32_t w = 0; w < s.words; ++w)
      bases_[s.base + w] = load_le<std::uint32_t>(s.latest + 4 * std::size_t{w});
  }
  return true;
}

bool block_decoder::read_message(std::uint32_t head, segment_record& out) {
  std::uint32_t number = moment_;
  if (!own_moments_) number += unfold(static_cast<std::uint32_t>(moment_numbers_.varint()));
  if (!moment_numbers_.ok() || number >= moments_.size()) return false;
  const moment& at = moments_[number];
  moment_ = number + 1;
  out.time = timestamp::from_unix_nanoseconds(at.time_ns);
  out.poll = at.poll;
  if ((head & head_ended) != 0)
    out.ended = timestamp::from_unix_nanoseconds(
        static_cast<std::int64_t>(static_cast<std::uint64_t>(at.time_ns) + extras_.unfolded()));
  if ((head & head_carried) != 0)
    out.carried = static_cast<std::uint32_t>(extras_.varint(0xffff'ffff));
  if (!extras_.ok()) return false;
  shape& s = shapes_[(head >> head_shape_shift) - 1];
  if (shape_ != &s) enter(s);
  for (const std::uint16_t n : s.slots)
    if (!apply(slots_[n])) return false;
  out.m.bytes = s.message;
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
  const std::uint32_t head = heads_[at_++];
  out = {};
  bool good = true;
  while (archive_left_ == 0) {
    // One of them has a record: there are as many as the archives say.
    ++archive_;
    archive_left_ = archives_[archive_ - 1].records;
    if (archive_left_ == 0) continue;
    good = begin_archive(head);
    out.first = 1;
  }
  --archive_left_;
  if (head != 0) {
    good = good && read_message(head, out);
    if (at_ == thinned_at_) read_thinned(out);
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
