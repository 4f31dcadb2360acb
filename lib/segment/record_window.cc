// SPDX-License-Identifier: Apache-2.0
#include "segment/record_window.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <span>
#include <tuple>

#include <tcpinfo/error.h>

#include "common/known_part.h"
#include "segment/kept_time.h"
#include "segment/varint.h"

namespace tcpinfo::inline v0::segment_format {
namespace {

// What a record has in a block at most, beside its words.
constexpr std::size_t record_bytes = 8;
constexpr std::size_t archive_bytes = 48;
constexpr std::size_t max_layouts = 64;
// In the log, at most.
constexpr std::size_t log_head_bytes = 4 + 10 + 5 + 10 + 5 + 5;
constexpr std::size_t log_word_bytes = 3 + 5;
constexpr std::size_t log_slot_bytes = 2;
constexpr std::size_t log_line_bytes = 4 + 1 + 5;
constexpr std::array<std::byte, 4> no_entry{};

// Word `i` of a payload, behind whose end are zeros.
std::uint32_t word_at(const std::byte* payload, std::uint32_t size, std::uint32_t i) noexcept {
  if (4 * i + 4 <= size) return load_le<std::uint32_t>(payload + 4 * std::size_t{i});
  std::uint32_t word = 0;
  for (std::uint32_t b = 4 * i; b < size; ++b)
    word |= std::to_integer<std::uint32_t>(payload[b]) << (8 * (b % 4));
  return word;
}

}  // namespace

bool record_window::has_room(std::size_t bytes) const noexcept {
  return log_.size() + sizeof(std::uint32_t) * state_.size() + sizeof(part) * part_count_ +
                 places_bytes_ + moments_.used_bytes() + bytes <=
             limit_ &&
         directory_.block_bytes() <= full_directory;
}

std::size_t record_window::memory_bytes() const noexcept {
  return directory_.memory_bytes() + parts_.capacity() * sizeof(part) + current_.capacity_bytes() +
         places_memory_ + moments_.memory_bytes() + log_.capacity_bytes() + state_.capacity_bytes();
}

void record_window::clear() noexcept {
  directory_.clear();
  part_count_ = 0;
  current_.clear();
  slots_.clear();
  slot_numbers_.clear();
  shapes_.clear();
  layouts_.clear();
  moments_.clear();
  log_.clear();
  state_.clear();
  places_bytes_ = 0;
  records_ = 0;
}

record_window::part& record_window::new_part() {
  if (part_count_ == parts_.size()) parts_.emplace_back();
  part& p = parts_[part_count_];
  std::vector<std::uint32_t> places = std::move(p.places);
  places.clear();
  p = {};
  p.places = std::move(places);
  return p;
}

// Archives of one socket and sockets of one batch stand together, so that few blocks have a
// connection, and that the next one is like it. What goes on without its metadata, because a line
// of it has told other metadata, stays behind that line.
part_place record_window::place_of(const segment_archive& given, const archive_entry& about) {
  const std::string_view path = known_part(given).path;
  const bool goes_on_here = about.has(goes_on) && !about.has(has_metadata) && !path.empty() &&
                            current_.size() > 0 && path == latest_path_;
  if (!goes_on_here && about.has(has_cookie))
    latest_place_ = {false, about.group, about.cookie, about.sequence};
  else if (!goes_on_here)
    latest_place_ = {true, 0, 0, 0};
  latest_path_.assign(path);
  return latest_place_;
}

std::error_code record_window::begin(const segment_archive& given, std::uint32_t& number) {
  if (current_.size() == max_archives || !has_room(archive_bytes)) return errc::buffer_too_small;
  (void)current_.room(1);
  part& p = new_part();
  if (const auto ec = directory_.describe(given, p.about)) return ec;
  p.place = place_of(given, p.about);
  number = p.number = static_cast<std::uint32_t>(current_.size());
  current_.add(static_cast<std::uint32_t>(part_count_++));
  return {};
}

// Parts that were full before keep what was said of them.
std::error_code record_window::revise(std::uint32_t number, const segment_archive& given) {
  if (number >= current_.size()) return errc::invalid_argument;
  if (!has_room(0)) return errc::buffer_too_small;
  archive_entry about;
  if (const auto ec = directory_.describe(given, about)) return ec;
  archive_entry& before = parts_[current_[number]].about;
  if (!about.has(has_metadata) || !before.has(has_metadata) || about.cookie != before.cookie ||
      about.has(has_cookie) != before.has(has_cookie) || about.uuid != before.uuid ||
      about.sequence != before.sequence || !directory_.have_same_prefix(about, before))
    return errc::invalid_argument;
  before.context = about.context;
  return {};
}

// The part that the next record of an archive belongs to.
record_window::part& record_window::part_for(std::uint32_t number, std::size_t bytes,
                                             std::size_t cells) {
  part& latest = parts_[current_[number]];
  if (latest.first == 0 ||
      (latest.bytes + bytes <= full_part && latest.cells + cells <= max_cells &&
       latest.about.records < max_records))
    return latest;
  const std::uint32_t before = current_[number];
  part& p = new_part();  // `latest` may be gone
  const part& old = parts_[before];
  p.about = old.about;
  p.about.flags |= goes_on;
  // Flags that a flush has set which then failed: this part starts with another record.
  if (p.about.has(starts_with_first))
    p.about.flags = (p.about.flags & ~std::uint32_t{starts_with_first}) | has_start;
  p.about.records = 0;
  p.place = old.place;
  p.number = number;
  current_[number] = static_cast<std::uint32_t>(part_count_++);
  return p;
}

void record_window::link(part& p, std::uint32_t entry, std::size_t bytes) noexcept {
  if (p.first == 0)
    p.first = entry;
  else
    std::memcpy(log_.data() + p.last, &entry, sizeof entry);
  p.last = entry;
  p.bytes += static_cast<std::uint32_t>(bytes);
  ++p.about.records;
  ++records_;
}

// Gives the parts of a message their slots and the layout its shape. False where the window has too
// many.
bool record_window::add_slots(message_layout& layout) {
  if (slots_.empty()) slots_.push_back({0, wire::inet_diag_msg_size, head_words});
  std::size_t words = 0;
  for (const slot& s : slots_) words += s.words;
  for (auto at = layout.parts.begin() + 1; at != layout.parts.end(); ++at) {
    const std::uint32_t key = std::uint32_t{at->type} << 16U | at->size;
    const auto found = slot_numbers_.find(key);
    if (found != slot_numbers_.end()) {
      at->slot = static_cast<std::uint16_t>(found->second);
      continue;
    }
    words += at->words;
    if (slots_.size() == max_slots || words > max_columns) return false;
    at->slot = static_cast<std::uint16_t>(slots_.size());
    slots_.push_back({at->type, at->size, at->words});
    try {
      slot_numbers_.emplace(key, at->slot);
    } catch (...) {
      slots_.pop_back();
      throw;
    }
  }
  std::vector<std::uint16_t> shape;
  for (const message_part& one : layout.parts) shape.push_back(one.slot);
  const auto found = std::find(shapes_.begin(), shapes_.end(), shape);
  layout.shape = static_cast<std::uint32_t>(found - shapes_.begin());
  if (found != shapes_.end()) return true;
  if (shapes_.size() == max_shapes) return false;
  shapes_.push_back(std::move(shape));
  return true;
}

// Sets p.layout, to layouts_.size() for other_.
std::error_code record_window::layout_of(part& p, const message& m) {
  const auto count = static_cast<std::uint32_t>(layouts_.size());
  if (p.layout < count && layouts_[p.layout].fits(m)) return {};
  for (std::uint32_t i = 0; i < count; ++i)
    if (layouts_[i].fits(m)) {
      p.layout = i;
      return {};
    }
  p.layout = no_layout;
  if (const auto ec = look_at(m, other_)) return ec;
  if (!add_slots(other_)) return errc::buffer_too_small;
  if (other_.is_whole() && count < max_layouts) layouts_.push_back(other_);
  p.layout = count;
  return {};
}

// What changed in each slot; room has been made for it. @return behind it.
std::byte* record_window::log_words(part& p, const message& m, const message_layout& layout,
                                    std::byte* to) {
  for (const message_part& at : layout.parts) {
    const std::byte* const payload = m.bytes.data() + at.at;
    std::uint32_t& place = p.places[at.slot];
    if (place == 0) {
      // Against what it is held is known only when the block is laid out.
      std::uint32_t* const kept = state_.end();
      *to++ = static_cast<std::byte>(log_first_words);
      for (std::uint32_t i = 0; i < at.words; ++i) kept[i] = word_at(payload, at.size, i);
      std::memcpy(to, kept, sizeof(std::uint32_t) * at.words);
      to += sizeof(std::uint32_t) * at.words;
      place = static_cast<std::uint32_t>(state_.size()) + 1;
      state_.end_at(kept + at.words);
      continue;
    }
    std::uint32_t* const before = state_.data() + (place - 1);
    const auto look = [&](std::uint32_t i, std::uint32_t word) {
      const std::uint32_t folded = fold(word - before[i]);
      before[i] = word;
      to = put_varint(to, i + log_change);
      to = put_varint(to, folded);
    };
    const std::uint32_t whole = at.size / 4;
    std::uint32_t i = 0;
    // Most words are as they were: two at a time.
    for (; i + 2 <= whole; i += 2) {
      const std::byte* const words = payload + 4 * std::size_t{i};
      std::uint64_t kept = 0;
      std::memcpy(&kept, before + i, sizeof kept);
      if constexpr (std::endian::native == std::endian::little)
        if (load_le<std::uint64_t>(words) == kept) continue;
      const auto low = load_le<std::uint32_t>(words);
      const auto high = load_le<std::uint32_t>(words + 4);
      if (low != before[i]) look(i, low);
      if (high != before[i + 1]) look(i + 1, high);
    }
    for (; i < at.words; ++i)
      if (const std::uint32_t word = word_at(payload, at.size, i); word != before[i]) look(i, word);
    *to++ = static_cast<std::byte>(log_end_of_slot);
  }
  return to;
}

std::error_code record_window::add(std::uint32_t number, const timestamp& time, const message& m,
                                   const record_extras& given, encode_notes* notes) {
  record_extras extras;
  if (const auto ec = read_known(given, extras)) return ec;
  if (number >= current_.size()) return errc::invalid_argument;
  moment at;
  at.poll = extras.poll;
  if (!to_kept_time(time, at.time_ns)) return errc::bad_timestamp;
  std::int64_t ended_ns = 0;
  const bool has_ended = !extras.ended.is_zero() || extras.ended.utc_offset_seconds != 0;
  if (has_ended && !to_kept_time(extras.ended, ended_ns)) return errc::bad_timestamp;

  part& latest = parts_[current_[number]];
  if (const auto ec = layout_of(latest, m)) return ec;
  const std::uint32_t layout_number = latest.layout;
  const message_layout& layout = layout_number < layouts_.size() ? layouts_[layout_number] : other_;
  const std::size_t most = log_head_bytes + log_slot_bytes * layout.parts.size() +
                           log_word_bytes * std::size_t{layout.words};
  if (!has_room(most + sizeof(std::uint32_t) * layout.words)) return errc::buffer_too_small;
  // All the memory first, so that nothing is half added.
  (void)log_.room(most + sizeof(std::uint32_t));
  (void)state_.room(layout.words);
  const std::uint32_t moment_number = moments_.number_of(at);
  part& p = part_for(number, record_bytes, layout.words);
  p.layout = layout_number;
  if (p.places.size() < slots_.size()) {
    const std::size_t before = p.places.capacity();
    places_bytes_ += sizeof(std::uint32_t) * (slots_.size() - p.places.size());
    p.places.resize(slots_.size());
    places_memory_ += sizeof(std::uint32_t) * (p.places.capacity() - before);
  }

  if (log_.empty()) log_.add(std::span<const std::byte>(no_entry));
  const auto entry = static_cast<std::uint32_t>(log_.size());
  std::byte* to = log_.end();
  std::memcpy(to, no_entry.data(), no_entry.size());
  to += no_entry.size();
  const std::uint32_t head = (layout.shape + 1) << head_shape_shift | (has_ended ? head_ended : 0) |
                             (extras.carried != 0 ? head_carried : 0);
  to = put_varint(to, extras.thinned != 0 ? head | log_thinned : head);
  to = put_varint(to, moment_number);
  if (has_ended)
    to = put_varint(
        to, fold(static_cast<std::uint64_t>(ended_ns) - static_cast<std::uint64_t>(at.time_ns)));
  if (extras.carried != 0) to = put_varint(to, extras.carried);
  if (extras.thinned != 0) to = put_varint(to, extras.thinned);
  const std::size_t words_before = state_.size();
  to = log_words(p, m, layout, to);
  log_.end_at(to);
  // Words of a first row are mostly as they are in the archive before.
  const std::size_t logged = log_.size() - entry - 3 * (state_.size() - words_before);
  if (p.first == 0) p.first_ns = at.time_ns;
  p.cells += layout.words;
  link(p, entry, logged);
  if (notes != nullptr) {
    encode_notes all = known_part(*notes);
    all.duplicates += layout.notes.duplicates;
    all.secrets += layout.notes.secrets;
    all.unread_bytes += layout.notes.unread_bytes;
    fill_known(*notes, all);
  }
  return {};
}

std::error_code record_window::add_line(std::uint32_t number, std::string_view line) {
  if (number >= current_.size()) return errc::invalid_argument;
  if (line.size() > max_segment_line) return errc::line_too_long;
  if (!has_room(log_line_bytes + line.size())) return errc::buffer_too_small;
  (void)log_.room(log_line_bytes + sizeof(std::uint32_t) + line.size());
  part& p = part_for(number, line.size() + record_bytes, 0);
  if (log_.empty()) log_.add(std::span<const std::byte>(no_entry));
  const auto entry = static_cast<std::uint32_t>(log_.size());
  log_.add(std::span<const std::byte>(no_entry));
  log_.varint(0);
  log_.varint(line.size());
  log_.add(std::as_bytes(std::span(line)));
  link(p, entry, line.size() + record_bytes);
  return {};
}

void record_window::sort_into(std::vector<part*>& parts) {
  parts.clear();
  for (part& p : std::span(parts_.data(), part_count_))
    if (p.first != 0) parts.push_back(&p);
  std::stable_sort(parts.begin(), parts.end(), [](const part* a, const part* b) {
    return std::tie(a->place, a->number) < std::tie(b->place, b->number);
  });
}

}  // namespace tcpinfo::inline v0::segment_format
