// SPDX-License-Identifier: Apache-2.0
//
// What comes while a block is being filled.
#include "segment/block_encoder.h"

#include <algorithm>

#include <tcpinfo/error.h>

#include "common/known_part.h"

namespace tcpinfo::inline v0::segment_format {
namespace {

constexpr std::uint32_t no_entry = 0;  // in the log, which begins with a word that is none
// What these add to a block at most, beside the texts themselves.
constexpr std::size_t text_bytes = 3;
constexpr std::size_t context_bytes = context_texts * 3;
constexpr std::size_t archive_bytes = 64;
constexpr std::size_t record_bytes = 48;
constexpr std::size_t word_bytes = 8;
constexpr std::size_t slot_bytes = 16;
constexpr std::size_t column_bytes = 8;
// The head and the table of streams.
constexpr std::size_t frame_bytes = head_size + 8 * stream_count;
constexpr std::size_t max_layouts = 64;
constexpr std::int64_t day_seconds = 86'400;

// @return whether it can be written.
bool to_ns(const timestamp& t, std::int64_t& ns) noexcept {
  const auto known = t.unix_nanoseconds();
  if (!known || t.utc_offset_seconds != 0 || t.nanoseconds >= 1'000'000'000) return false;
  ns = *known;
  return true;
}

std::array<std::string_view, context_texts - 1> common_texts(const metadata& m) noexcept {
  return {m.host, m.kernel, m.collector, m.interval, m.run, m.netns, m.byte_order, m.policy};
}

bool is_path(std::string_view path) noexcept {
  return path.size() <= max_text && path.find('\0') == path.npos;
}

// Word `i` of a payload, behind whose end are zeros.
std::uint32_t word_at(const std::byte* payload, std::uint32_t size, std::uint32_t i) noexcept {
  if (4 * i + 4 <= size) return load_le<std::uint32_t>(payload + 4 * std::size_t{i});
  std::uint32_t word = 0;
  for (std::uint32_t b = 4 * i; b < size; ++b)
    word |= std::to_integer<std::uint32_t>(payload[b]) << (8 * (b % 4));
  return word;
}

}  // namespace

bool block_encoder::has_room(std::size_t bytes) const noexcept {
  const std::size_t tables =
      texts_.bytes() + text_bytes * texts_.all().size() + context_bytes * contexts_.size();
  return bytes_ + tables + bytes + frame_bytes <= full_block;
}

std::size_t block_encoder::memory_bytes() const noexcept {
  std::size_t bytes = texts_.bytes() + archives_.capacity() * sizeof(archive) +
                      moments_.memory_bytes() + log_.capacity_bytes() + state_.capacity_bytes() +
                      line_bytes_.capacity_bytes() + line_ends_.capacity_bytes() +
                      columns_.memory_bytes() + bases_.capacity_bytes() + block_.capacity_bytes();
  for (const byte_stream& s : streams_) bytes += s.capacity_bytes();
  return bytes;
}

void block_encoder::clear() noexcept {
  texts_.clear();
  contexts_.clear();
  archive_count_ = 0;
  slots_.clear();
  slot_numbers_.clear();
  shapes_.clear();
  layouts_.clear();
  moments_.clear();
  log_.clear();
  state_.clear();
  line_bytes_.clear();
  line_ends_.clear();
  records_ = 0;
  bytes_ = 0;
  cells_ = 0;
}

std::error_code block_encoder::set_about(archive& a, const metadata& about) {
  metadata m;
  if (const auto ec = read_known(about, m)) return ec;
  if (!m.start_time.is_zero() || m.start_time.utc_offset_seconds != 0) {
    if (!to_ns(m.start_time, a.start_ns)) return errc::bad_timestamp;
    a.flags |= has_start;
  }
  if (!m.opened.is_zero()) {
    if (!to_ns(m.opened, a.opened_ns)) return errc::bad_timestamp;
    a.flags |= has_opened;
  } else if (m.opened.utc_offset_seconds != 0) {
    return errc::bad_timestamp;
  }
  a.flags |= has_metadata;
  a.sequence = m.sequence;

  std::string_view prefix;
  char text[max_uuid_size];
  if (!parse_uuid_cookie(m.uuid, a.cookie) && m.uuid.size() <= max_uuid_size) {
    prefix = m.uuid.substr(0, m.uuid.size() - 17);
    const std::size_t size = format_uuid(prefix, a.cookie, text);
    if (std::string_view(text, size) == m.uuid) a.flags |= has_cookie;
  }
  std::array<std::uint32_t, context_texts> context{};
  if ((a.flags & has_cookie) != 0)
    context[0] = texts_.number_of(prefix) + 1;
  else
    a.uuid = texts_.number_of(m.uuid);
  std::size_t i = 1;
  for (const std::string_view common : common_texts(m))
    context[i++] = common.empty() ? 0 : texts_.number_of(common) + 1;
  // Those of one collector have one or a few.
  const auto found = std::find(contexts_.rbegin(), contexts_.rend(), context);
  a.context = static_cast<std::uint32_t>(contexts_.rend() - found) - 1;
  if (found == contexts_.rend()) {
    contexts_.push_back(context);
    a.context = static_cast<std::uint32_t>(contexts_.size()) - 1;
  }
  return {};
}

// A path that can be made of what else is said needs no text.
void block_encoder::set_path(archive& a, std::string_view path, std::string_view uuid) {
  if (path.size() > 11 && (a.flags & has_metadata) != 0) {
    char day[] = "YYYY-MM-DDT00:00:00Z";
    std::copy_n(path.begin(), 10, day);
    const bool separated = day[4] == '/' && day[7] == '/';
    day[4] = day[7] = '-';
    timestamp date;
    char made[max_archive_path_size];
    if (separated && !parse_timestamp(day, date)) {
      const std::size_t size = format_archive_path(date, uuid, a.sequence, made, nullptr);
      if (std::string_view(made, size) == path) {
        a.day = date.seconds / day_seconds;
        return;
      }
    }
  }
  a.flags |= has_path;
  a.path = texts_.number_of(path);
}

std::error_code block_encoder::begin(const segment_archive& given, std::uint32_t& number) {
  segment_archive known;
  if (const auto ec = read_known(given, known)) return ec;
  if (known.reserved != 0 || known.goes_on > 1 || !is_path(known.path))
    return errc::invalid_argument;
  std::size_t most =
      archive_bytes + context_bytes + (context_texts + 2) * text_bytes + known.path.size();
  if (known.about != nullptr) {
    metadata m;
    if (const auto ec = read_known(*known.about, m)) return ec;
    most += m.uuid.size();
    if (m.uuid.size() > max_text) return errc::invalid_argument;
    for (const std::string_view text : common_texts(m)) {
      if (text.size() > max_text) return errc::invalid_argument;
      most += text.size();
    }
  }
  if (!has_room(most)) return errc::buffer_too_small;
  if (archive_count_ == archives_.size()) archives_.emplace_back();
  archive& a = archives_[archive_count_];
  std::vector<std::uint32_t> places = std::move(a.places);
  places.clear();
  a = {};
  a.places = std::move(places);
  if (known.goes_on != 0) a.flags |= goes_on;
  if (known.about != nullptr)
    if (const auto ec = set_about(a, *known.about)) return ec;
  set_path(a, known.path, known.about == nullptr ? std::string_view() : known.about->uuid);
  number = static_cast<std::uint32_t>(archive_count_++);
  bytes_ += archive_bytes;
  return {};
}

void block_encoder::link(archive& a, std::uint32_t entry) noexcept {
  if (a.first == no_entry)
    a.first = entry;
  else
    log_[a.last] = entry;
  a.last = entry;
  ++a.records;
  ++records_;
}

// Gives the parts their slots and the layout its shape. False where the block has too many.
bool block_encoder::add_slots(message_layout& layout) {
  if (slots_.empty()) {
    slots_.push_back({0, wire::inet_diag_msg_size, head_words});
    bytes_ += slot_bytes + head_words * column_bytes;
  }
  for (auto part = layout.parts.begin() + 1; part != layout.parts.end(); ++part) {
    const std::uint32_t key = std::uint32_t{part->type} << 16U | part->size;
    const auto found = slot_numbers_.find(key);
    if (found != slot_numbers_.end()) {
      part->slot = static_cast<std::uint16_t>(found->second);
      continue;
    }
    const std::size_t bytes = slot_bytes + part->words * column_bytes;
    if (slots_.size() == max_slots || !has_room(bytes)) return false;
    part->slot = static_cast<std::uint16_t>(slots_.size());
    slots_.push_back({part->type, part->size, part->words});
    try {
      slot_numbers_.emplace(key, part->slot);
    } catch (...) {
      slots_.pop_back();
      throw;
    }
    bytes_ += bytes;
  }
  std::vector<std::uint16_t> shape;
  for (const message_part& part : layout.parts) shape.push_back(part.slot);
  const auto found = std::find(shapes_.begin(), shapes_.end(), shape);
  layout.shape = static_cast<std::uint32_t>(found - shapes_.begin());
  if (found != shapes_.end()) return true;
  const std::size_t bytes = 4 + 3 * shape.size();
  if (shapes_.size() == max_shapes || !has_room(bytes)) return false;
  shapes_.push_back(std::move(shape));
  bytes_ += bytes;
  return true;
}

// Sets a.layout, to layouts_.size() for other_.
std::error_code block_encoder::layout_of(archive& a, const message& m) {
  const auto count = static_cast<std::uint32_t>(layouts_.size());
  if (a.layout < count && layouts_[a.layout].fits(m)) return {};
  for (std::uint32_t i = 0; i < count; ++i)
    if (layouts_[i].fits(m)) {
      a.layout = i;
      return {};
    }
  a.layout = no_layout;
  if (const auto ec = look_at(m, other_)) return ec;
  if (!add_slots(other_)) return errc::buffer_too_small;
  if (other_.is_whole() && count < max_layouts) layouts_.push_back(other_);
  a.layout = count;
  return {};
}

// What changed in each part, behind the entry's head; room has been made for it.
void block_encoder::log_words(archive& a, const message& m, const message_layout& layout) {
  std::uint32_t* to = log_.end();
  std::size_t changes = 0;
  std::size_t bytes = 0;
  for (const message_part& part : layout.parts) {
    const std::byte* const payload = m.bytes.data() + part.at;
    std::uint32_t& place = a.places[part.slot];
    if (place == 0) {
      // Against what it is held is known only when the block is laid out.
      std::uint32_t* const kept = state_.end();
      *to++ = part.words | first_of_slot;
      for (std::uint32_t i = 0; i < part.words; ++i) {
        const std::uint32_t word = word_at(payload, part.size, i);
        kept[i] = *to++ = word;
        changes += word != 0 ? 2 : 0;
      }
      bytes += 2 * std::size_t{part.words};
      place = static_cast<std::uint32_t>(state_.size()) + 1;
      state_.end_at(kept + part.words);
      continue;
    }
    std::uint32_t* const before = state_.data() + (place - 1);
    std::uint32_t* const count = to++;
    const auto look = [&](std::uint32_t i, std::uint32_t word) {
      const std::uint32_t folded = fold(word - before[i]);
      before[i] = word;
      *to++ = i;
      *to++ = folded;
      bytes += varint_size(folded);
    };
    const std::uint32_t whole = part.size / 4;
    std::uint32_t i = 0;
    // Most words are as they were: two at a time.
    for (; i + 2 <= whole; i += 2) {
      const std::byte* const at = payload + 4 * std::size_t{i};
      std::uint64_t kept = 0;
      std::memcpy(&kept, before + i, sizeof kept);
      if constexpr (std::endian::native == std::endian::little)
        if (load_le<std::uint64_t>(at) == kept) continue;
      const auto low = load_le<std::uint32_t>(at);
      const auto high = load_le<std::uint32_t>(at + 4);
      if (low != before[i]) look(i, low);
      if (high != before[i + 1]) look(i + 1, high);
    }
    for (; i < part.words; ++i)
      if (const std::uint32_t word = word_at(payload, part.size, i); word != before[i])
        look(i, word);
    *count = static_cast<std::uint32_t>(to - count - 1) / 2;
    changes += *count;
  }
  log_.end_at(to);
  // With what tells the row: three bytes at most, and far less where many change.
  bytes_ += bytes + 2 * changes;
}

std::error_code block_encoder::add(std::uint32_t number, const timestamp& time, const message& m,
                                   const record_extras& given, encode_notes* notes) {
  record_extras extras;
  if (const auto ec = read_known(given, extras)) return ec;
  if (number >= archive_count_) return errc::invalid_argument;
  moment at;
  at.poll = extras.poll;
  if (!to_ns(time, at.time_ns)) return errc::bad_timestamp;
  std::int64_t ended_ns = 0;
  const bool has_ended = !extras.ended.is_zero() || extras.ended.utc_offset_seconds != 0;
  if (has_ended && !to_ns(extras.ended, ended_ns)) return errc::bad_timestamp;

  archive& a = archives_[number];
  if (const auto ec = layout_of(a, m)) return ec;
  const message_layout& layout = a.layout < layouts_.size() ? layouts_[a.layout] : other_;
  if (!has_room(record_bytes + word_bytes * layout.words) || cells_ + layout.words > max_cells)
    return errc::buffer_too_small;
  // All the memory first, so that nothing is half added.
  if (log_.empty()) log_.add(no_entry);
  (void)log_.room(8 + layout.parts.size() + 2 * std::size_t{layout.words});
  (void)state_.room(layout.words);
  if (a.places.size() < slots_.size()) a.places.resize(slots_.size());
  const std::uint32_t moment_number = moments_.number_of(at);

  const auto entry = static_cast<std::uint32_t>(log_.size());
  log_.add(no_entry);
  log_.add((layout.shape + 1) << head_shape_shift | (has_ended ? head_ended : 0) |
           (extras.carried != 0 ? head_carried : 0) | (extras.thinned != 0 ? log_thinned : 0));
  log_.add(moment_number);
  if (has_ended) {
    log_.add(static_cast<std::uint32_t>(ended_ns));
    log_.add(static_cast<std::uint32_t>(static_cast<std::uint64_t>(ended_ns) >> 32U));
  }
  if (extras.carried != 0) log_.add(extras.carried);
  if (extras.thinned != 0) log_.add(extras.thinned);
  log_words(a, m, layout);
  if (a.first == no_entry) a.first_ns = at.time_ns;
  link(a, entry);
  cells_ += layout.words;
  bytes_ += record_bytes;
  if (notes != nullptr) {
    encode_notes all = known_part(*notes);
    all.duplicates += layout.notes.duplicates;
    all.secrets += layout.notes.secrets;
    all.unread_bytes += layout.notes.unread_bytes;
    fill_known(*notes, all);
  }
  return {};
}

std::error_code block_encoder::add_line(std::uint32_t number, std::string_view line) {
  if (number >= archive_count_) return errc::invalid_argument;
  if (line.size() > max_segment_line) return errc::line_too_long;
  if (!has_room(record_bytes + line.size())) return errc::buffer_too_small;
  if (log_.empty()) log_.add(no_entry);
  (void)log_.room(3);
  (void)line_ends_.room(1);
  line_bytes_.add(std::as_bytes(std::span(line)));
  line_ends_.add(static_cast<std::uint32_t>(line_bytes_.size()));
  const auto entry = static_cast<std::uint32_t>(log_.size());
  log_.add(no_entry);
  log_.add(0);
  log_.add(static_cast<std::uint32_t>(line_ends_.size()) - 1);
  link(archives_[number], entry);
  bytes_ += record_bytes + line.size();
  return {};
}

}  // namespace tcpinfo::inline v0::segment_format
