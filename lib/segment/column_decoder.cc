// SPDX-License-Identifier: Apache-2.0
#include "segment/column_decoder.h"

#include <algorithm>
#include <bit>
#include <new>
#include <optional>

#include <tcpinfo/error.h>

namespace tcpinfo::inline v0::segment_format {
namespace {

std::uint64_t swapped(std::uint64_t value, unsigned width) noexcept {
  std::uint64_t out = 0;
  for (unsigned i = 0; i < width; ++i) out = out << 8U | (value >> (8 * i) & 0xffU);
  return out;
}

// The rows in which a column of few changes has them: `count` of `rows`.
bool pass_rows(taker& from, std::uint32_t count, std::uint32_t rows) noexcept {
  taker in = from;  // stays in registers
  std::uint64_t left = rows;
  for (; count > 0; --count) {
    // A distance that is larger than the rows left could come round to a row before.
    const std::uint64_t distance = in.medium_varint();
    if (!in.ok() || distance >= left) return false;
    left -= distance + 1;
  }
  from = in;
  return true;
}

bool is_big_endian(const segment_archive& archive) noexcept {
  return archive.about != nullptr && archive.about->byte_order == "big";
}

}  // namespace

bool column_decoder::want(std::span<const segment_column> columns) {
  for (const segment_column& c : columns) {
    if (c.width == 0 || c.width > 8 || !std::has_single_bit(c.width) || c.offset % 4 + c.width > 8)
      return false;
    if (c.attribute != segment_head && c.attribute > wire::attribute_type_mask) return false;
    if (c.attribute == segment_head && c.offset + c.width > wire::inet_diag_msg_size) return false;
  }
  next_wanted_.assign(columns.begin(), columns.end());
  return true;
}

std::error_code column_decoder::open(bytes_view block) noexcept {
  archive_ = 0;
  run_ = 0;
  given_ = 0;
  single_ = singles_ = 0;
  fault_.clear();
  if (const auto ec = tables_.open(block)) return ec;
  try {
    wanted_ = next_wanted_;
    find_sources();
    if (!find_columns()) {
      archive_ = tables_.archives().entries().size();
      return errc::bad_block;
    }
  } catch (...) {
    archive_ = tables_.archives().entries().size();
    return errc::out_of_memory;
  }
  moments_ = moment_cursor(tables_);
  return {};
}

// The number of the column in that slot; none where that has not so many bytes.
std::uint32_t column_decoder::source_of(std::uint32_t number, const segment_column& column) {
  if (std::uint32_t{column.offset} + column.width > tables_.slots()[number].size) return none;
  const std::uint32_t first = column.offset / 4;
  const bool has_high = column.offset % 4 + column.width > 4;
  // Whole words, one or two, are as they should be.
  const bool is_whole = column.offset % 4 == 0 && column.width >= 4;
  sources_.push_back({wanted_words_.size(), has_high, 8U * (column.offset % 4U),
                      is_whole ? 0 : ~std::uint64_t{0} >> (64 - 8U * column.width)});
  for (std::uint32_t word = first; word <= first + (has_high ? 1 : 0); ++word) {
    const bool is_cookie = number == head_slot && (word == cookie_word || word == cookie_word + 1);
    wanted_words_.push_back({number, word, is_cookie});
    wants_cookie_ = wants_cookie_ || is_cookie;
  }
  return static_cast<std::uint32_t>(sources_.size()) - 1;
}

void column_decoder::find_sources() {
  sources_.clear();
  wanted_words_.clear();
  wants_cookie_ = false;
  // By slot, so that shapes with the same slot have the same source.
  std::vector<std::uint32_t> of_slot(tables_.slots().size() * wanted_.size(), none);
  for (std::uint32_t n = 0; n < tables_.slots().size(); ++n)
    for (std::size_t c = 0; c < wanted_.size(); ++c) {
      const bool is_head = wanted_[c].attribute == segment_head;
      if (is_head ? n == head_slot
                  : n != head_slot && tables_.slots()[n].type == wanted_[c].attribute)
        of_slot[n * wanted_.size() + c] = source_of(n, wanted_[c]);
    }
  source_numbers_.assign(tables_.shape_count() * wanted_.size(), none);
  for (std::size_t i = 0; i < tables_.shape_count(); ++i)
    for (const std::uint16_t n : tables_.shape_at(i).slots)
      for (std::size_t c = 0; c < wanted_.size(); ++c)
        if (const std::uint32_t found = of_slot[n * wanted_.size() + c]; found != none)
          source_numbers_[i * wanted_.size() + c] = found;
}

// The runs of the next archive, which has so many records.
inline std::span<const block_tables::run> column_decoder::next_runs(std::uint32_t records) {
  const block_tables::run& present = tables_.runs()[run_];
  if (records < present.count - given_) {
    given_ += records;
    one_run_ = {present.head, records};
    return {&one_run_, 1};
  }
  runs_.clear();
  while (records > 0) {
    const block_tables::run& all = tables_.runs()[run_];
    const std::uint32_t count = std::min(records, all.count - given_);
    runs_.push_back({all.head, count});
    records -= count;
    given_ += count;
    if (given_ == all.count) {
      ++run_;
      given_ = 0;
    }
  }
  return runs_;
}

// Finds the columns of the wanted words, and passes over the others.
bool column_decoder::find_columns() {
  cursors_.assign(wanted_words_.size(), word_cursor({}));
  taker rows = tables_.of(stream::rows);
  taker bits = tables_.of(stream::bits);
  written_.open(tables_);
  std::size_t told = 0;
  std::size_t first = 0;  // of the slot's, in wanted_words_
  for (std::uint32_t n = 0; n < tables_.slots().size(); ++n) {
    const block_tables::slot& s = tables_.slots()[n];
    told += s.words;
    if (told > max_columns) return false;
    std::size_t end = first;
    while (end < wanted_words_.size() && wanted_words_[end].slot == n) ++end;
    for (std::uint32_t word = 0; word < s.words; ++word) {
      written_differences one;
      if (!written_.next(s.rows, one)) return false;
      written_column found;
      found.mode = one.mode;
      if (found.mode == column_mode::none) continue;
      if (found.mode == column_mode::few) {
        found.few = static_cast<std::uint32_t>(one.changes);
        found.rows = rows;
        if (!pass_rows(rows, found.few, s.rows)) return false;
      } else if (found.mode == column_mode::some) {
        found.bits = bits.bytes((std::size_t{s.rows} + 7) / 8);
        if (!bits.ok()) return false;
        if (s.rows % 8 != 0 && std::to_integer<unsigned>(found.bits.back()) >> (s.rows % 8) != 0)
          return false;
      }
      const auto is_it = [word](const wanted_word& w) { return w.word == word; };
      const auto of_slot = std::span(wanted_words_).subspan(first, end - first);
      if (std::none_of(of_slot.begin(), of_slot.end(), is_it)) continue;
      if (!written_.join(one)) return false;
      found.deltas = taker(one.bytes);
      for (std::size_t i = first; i < end; ++i)
        if (wanted_words_[i].word == word) cursors_[i] = word_cursor(found);
    }
    first = end;
  }
  return true;
}

// Of the present archive.
inline word_cursor& column_decoder::cursor_at(std::size_t number) noexcept {
  word_cursor& c = cursors_[number];
  if (!c.is_in(archive_)) {
    const wanted_word& w = wanted_words_[number];
    const archive_entry& about = tables_.archives().entries()[archive_];
    if (w.is_cookie && about.has(has_cookie))
      c.begin(archive_, static_cast<std::uint32_t>(about.cookie >> 32U * (w.word - cookie_word)));
    else
      c.begin(archive_);
  }
  return c;
}

// Of the next `count` messages, all of which have the column.
[[gnu::always_inline]] inline bool column_decoder::put_values(const source& from,
                                                              std::uint32_t count,
                                                              std::uint64_t* to) {
  if (!cursor_at(from.cursor).next(count, to)) return false;
  if (from.has_high) {
    word_cursor& above = cursor_at(from.cursor + 1);
    std::uint32_t same = 0;
    if (!above.next_same(count, same)) {
      if (words_.size() < count) words_.resize(count);
      if (!above.next(count, words_.data())) return false;
      const std::uint32_t* const high = words_.data();
      for (std::uint32_t i = 0; i < count; ++i) to[i] |= std::uint64_t{high[i]} << 32U;
    } else if (same != 0) {
      for (std::uint32_t i = 0; i < count; ++i) to[i] |= std::uint64_t{same} << 32U;
    }
  }
  if (from.mask != 0)
    for (std::uint32_t i = 0; i < count; ++i) to[i] = to[i] >> from.shift & from.mask;
  return true;
}

// Of the messages of those runs.
bool column_decoder::put_values(std::span<const block_tables::run> runs, std::size_t records) {
  const std::size_t all = records * wanted_.size();
  if (values_.size() < all) values_.resize(all);
  present_.clear();
  if (wanted_.empty()) return true;  // times alone are asked for: there is no place to put a value
  std::size_t i = 0;                 // of the messages
  for (const block_tables::run& r : runs) {
    if (r.head == 0) continue;
    const std::size_t number = (r.head >> head_shape_shift) - 1;
    const std::uint32_t* const numbers = source_numbers_.data() + number * wanted_.size();
    std::uint64_t* to = values_.data() + i;
    for (std::size_t c = 0; c < wanted_.size(); ++c, to += records) {
      const std::uint32_t found = numbers[c];
      if (found != none) {
        if (!put_values(sources_[found], r.count, to)) return false;
        continue;
      }
      if (present_.empty()) present_.assign(all, 1);
      std::fill_n(present_.data() + c * records + i, r.count, std::uint8_t{0});
      std::fill_n(to, r.count, 0U);
    }
    i += r.count;
  }
  return true;
}

// Of connections that do nothing a block has many, with a message each: what it costs to begin an
// archive is then most of all. The first row of an archive is held against the first one of the
// archive before; so the rows of archives of one row are held against each other, as those of one
// archive are. A fault shows when they are read one by one, behind what is good before it.
void column_decoder::read_singles() {
  constexpr std::size_t most = 128;
  constexpr std::size_t least = 4;
  const auto& entries = tables_.archives().entries();
  const block_tables::run& present = tables_.runs()[run_];
  if (entries[archive_].records != 1 || present.head == 0 || wants_cookie_) return;
  const std::size_t end =
      archive_ + std::min<std::size_t>({most, entries.size() - archive_, present.count - given_});
  std::size_t behind = archive_;
  while (behind < end && entries[behind].records == 1) ++behind;
  const std::size_t count = behind - archive_;
  if (count < least) return;
  one_run_ = {present.head, static_cast<std::uint32_t>(count)};
  kept_cursors_ = cursors_;
  moment_cursor moments = moments_;
  if (!moments.next(count, archive_moments_, single_moments_) ||
      !put_values({&one_run_, 1}, count)) {
    cursors_.swap(kept_cursors_);
    return;
  }
  for (word_cursor& c : cursors_)
    if (c.is_in(archive_)) c.end_singles();
  moments_ = moments;
  given_ += one_run_.count;
  if (given_ == present.count) {
    ++run_;
    given_ = 0;
  }
  const std::size_t wanted = wanted_.size();
  if (single_values_.size() < most * wanted) single_values_.resize(most * wanted);
  for (std::size_t c = 0; c < wanted; ++c)
    for (std::size_t i = 0; i < count; ++i) single_values_[i * wanted + c] = values_[c * count + i];
  single_present_.clear();
  if (!present_.empty())
    for (std::size_t c = 0; c < wanted; ++c) single_present_.push_back(present_[c * count]);
  single_ = 0;
  singles_ = count;
}

bool column_decoder::fail() noexcept {
  fault_ = errc::bad_block;
  archive_ = tables_.archives().entries().size();
  single_ = singles_ = 0;
  return false;
}

inline bool column_decoder::give_single(segment_columns& out) {
  const std::size_t i = single_++;
  const moment& at = single_moments_[i];
  if (!tables_.archives().choose(archive_, at.time_ns)) return fail();
  const std::size_t wanted = wanted_.size();
  std::uint64_t* const values = single_values_.data() + i * wanted;
  if (is_big_endian(tables_.archives().chosen()))
    for (std::size_t c = 0; c < wanted; ++c) values[c] = swapped(values[c], wanted_[c].width);
  out = {};
  out.moments = {&at, 1};
  out.values = {values, wanted};
  out.present = single_present_;
  ++archive_;
  return true;
}

bool column_decoder::next(segment_columns& out) {
  const auto& entries = tables_.archives().entries();
  while (archive_ < entries.size() && entries[archive_].records == 0) ++archive_;
  if (archive_ == entries.size()) return false;
  if (single_ == singles_) read_singles();
  if (single_ < singles_) return give_single(out);
  const std::span<const block_tables::run> runs = next_runs(entries[archive_].records);
  std::uint32_t lines = 0;
  for (const block_tables::run& r : runs) lines += r.head == 0 ? r.count : 0;
  const std::size_t messages = entries[archive_].records - lines;
  std::span<const moment> moments;
  if (!moments_.next(messages, archive_moments_, moments)) return fail();
  std::optional<std::int64_t> first_ns;
  if (runs.front().head != 0) first_ns = moments.front().time_ns;
  if (!put_values(runs, messages) || !tables_.archives().choose(archive_, first_ns)) return fail();
  const std::span<std::uint64_t> values = std::span(values_).first(messages * wanted_.size());
  if (is_big_endian(tables_.archives().chosen()))
    for (std::size_t c = 0; c < wanted_.size(); ++c)
      for (std::uint64_t& value : values.subspan(c * messages, messages))
        value = swapped(value, wanted_[c].width);
  out = {};
  out.moments = moments;
  out.values = values;
  out.present = present_;
  out.lines = lines;
  ++archive_;
  return true;
}

}  // namespace tcpinfo::inline v0::segment_format
