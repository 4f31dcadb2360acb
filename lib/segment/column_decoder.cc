// SPDX-License-Identifier: Apache-2.0
#include "segment/column_decoder.h"

#include <algorithm>
#include <bit>
#include <new>
#include <optional>

#include <tcpinfo/error.h>

#include "segment/planes.h"

namespace tcpinfo::inline v0::segment_format {
namespace {

std::uint64_t swapped(std::uint64_t value, unsigned width) noexcept {
  std::uint64_t out = 0;
  for (unsigned i = 0; i < width; ++i) out = out << 8U | (value >> (8 * i) & 0xffU);
  return out;
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
  fault_.clear();
  if (const auto ec = tables_.open(block)) return ec;
  try {
    wanted_ = next_wanted_;
    const bool good = find_sources() && (find_beginnings(), read_words());
    if (!good) archive_ = tables_.archives().entries().size();
    if (!good) return errc::bad_block;
  } catch (...) {
    archive_ = tables_.archives().entries().size();
    return errc::out_of_memory;
  }
  moments_ = moment_cursor(tables_);
  return {};
}

std::size_t column_decoder::place_of(std::uint32_t number, std::uint32_t word) const noexcept {
  const slot& s = slots_[number];
  for (const wanted_word& w : std::span(wanted_words_).subspan(s.first_word, s.wanted_words))
    if (w.word == word) return w.at;
  return ~std::size_t{0};
}

// The number of the column's rows in that slot; none where it has not so many bytes.
std::uint32_t column_decoder::source_of(std::uint32_t number, const segment_column& column) {
  const block_tables::slot& s = tables_.slots()[number];
  if (std::uint32_t{column.offset} + column.width > s.size) return none;
  const std::uint32_t first = column.offset / 4;
  const std::uint32_t last = (std::uint32_t{column.offset} + column.width - 1) / 4;
  for (std::uint32_t word = first; word <= last; ++word) {
    if (place_of(number, word) != ~std::size_t{0}) continue;
    const std::size_t at = words_.size();
    words_.resize(at + s.rows);
    slot& of_it = slots_[number];
    if (of_it.wanted_words++ == 0)
      of_it.first_word = static_cast<std::uint32_t>(wanted_words_.size());
    wanted_words_.push_back({word, at});
  }
  sources_.push_back(
      {number, place_of(number, first), place_of(number, last), 8U * (column.offset % 4U)});
  return static_cast<std::uint32_t>(sources_.size()) - 1;
}

bool column_decoder::find_sources() {
  slots_.resize(tables_.slots().size());
  for (slot& s : slots_) {
    s.beginnings.clear();
    s.next = 0;
    s.first_word = s.wanted_words = 0;
  }
  sources_.clear();
  wanted_words_.clear();
  words_.clear();
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
  return true;
}

// The runs of the next archive, which has so many records.
void column_decoder::find_runs(std::uint32_t records) {
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
}

// Where in the rows of the wanted slots archives begin.
void column_decoder::find_beginnings() {
  std::vector<std::uint32_t> rows(slots_.size());
  const auto& entries = tables_.archives().entries();
  for (std::uint32_t a = 0; a < entries.size(); ++a) {
    find_runs(entries[a].records);
    for (const block_tables::run& r : runs_) {
      if (r.head == 0) continue;
      for (const std::uint16_t n : tables_.shape_at((r.head >> head_shape_shift) - 1).slots) {
        slot& s = slots_[n];
        if (s.wanted_words != 0 && (s.beginnings.empty() || s.beginnings.back().archive != a))
          s.beginnings.push_back({rows[n], a});
        rows[n] += r.count;
      }
    }
  }
  run_ = 0;
  given_ = 0;
}

bool column_decoder::read_words() {
  taker columns = tables_.of(stream::columns);
  taker rows = tables_.of(stream::rows);
  taker bits = tables_.of(stream::bits);
  taker deltas = tables_.of(stream::deltas);
  std::size_t told = 0;
  for (std::uint32_t n = 0; n < slots_.size(); ++n) {
    const block_tables::slot& s = tables_.slots()[n];
    told += s.words;
    if (told > max_columns) return false;
    for (std::uint32_t word = 0; word < s.words; ++word)
      if (!read_word(n, word, slots_[n].wanted_words != 0, columns, rows, bits, deltas))
        return false;
  }
  return columns.ok();
}

bool column_decoder::read_word(std::uint32_t number, std::uint32_t word, bool of_wanted_slot,
                               taker& columns, taker& rows, taker& bits, taker& deltas) {
  const std::uint32_t count = tables_.slots()[number].rows;
  const std::size_t place = of_wanted_slot ? place_of(number, word) : ~std::size_t{0};
  const bool is_wanted = place != ~std::size_t{0};
  std::uint32_t* const values = is_wanted ? words_.data() + place : nullptr;
  const std::uint64_t written = columns.varint(count == 0 ? 0 : tables_.highest_mode());
  const auto mode = static_cast<column_mode>(written & ~in_planes);
  if (is_wanted) std::fill_n(values, count, 0U);
  if (mode == column_mode::none && written != 0) return false;
  if (mode != column_mode::none) {
    bytes_view differences = deltas.bytes(columns.varint());
    const std::uint64_t changes =
        written == static_cast<std::uint64_t>(column_mode::some) || mode == column_mode::all
            ? count
            : columns.varint(count);
    if (is_wanted && (written & in_planes) != 0) {
      joined_.clear();
      std::byte* const to = joined_.room(differences.size());
      if (!join_planes(differences, changes, to)) return false;
      differences = {to, differences.size()};
    }
    taker folded(differences);
    const auto difference = [&folded] {
      return unfold(static_cast<std::uint32_t>(folded.varint()));
    };
    if (mode == column_mode::all) {
      if (is_wanted)
        for (std::uint32_t row = 0; row < count; ++row) values[row] = difference();
    } else if (mode == column_mode::few) {
      std::uint64_t row = 0;
      for (std::uint64_t n = changes; n > 0; --n, ++row) {
        row += rows.varint();
        if (!rows.ok() || row >= count) return false;
        if (is_wanted) values[row] = difference();
      }
    } else {
      const bytes_view set = bits.bytes((std::size_t{count} + 7) / 8);
      if (is_wanted)
        for (std::size_t i = 0; i < set.size(); ++i)
          for (auto left = std::to_integer<unsigned>(set[i]); left != 0; left &= left - 1) {
            const std::size_t row = 8 * i + static_cast<unsigned>(std::countr_zero(left));
            if (row >= count) return false;
            values[row] = difference();
          }
    }
    if (!folded.ok()) return false;
  }
  if (is_wanted) add_up(number, word, values);
  return columns.ok() && rows.ok() && bits.ok() && deltas.ok();
}

// Differences become values.
void column_decoder::add_up(std::uint32_t number, std::uint32_t word,
                            std::uint32_t* values) const noexcept {
  const std::vector<beginning>& all = slots_[number].beginnings;
  const bool is_cookie = number == head_slot && (word == cookie_word || word == cookie_word + 1);
  std::uint32_t base = 0;
  for (std::size_t i = 0; i < all.size(); ++i) {
    const std::uint32_t end = i + 1 < all.size() ? all[i + 1].row : tables_.slots()[number].rows;
    const archive_entry& about = tables_.archives().entries()[all[i].archive];
    if (is_cookie && about.has(has_cookie))
      base = static_cast<std::uint32_t>(about.cookie >> (word == cookie_word ? 0U : 32U));
    base += values[all[i].row];
    std::uint32_t value = base;
    values[all[i].row] = value;
    for (std::uint32_t row = all[i].row + 1; row < end; ++row) values[row] = value += values[row];
  }
}

// Of the messages of runs_.
void column_decoder::put_values(std::size_t records) {
  values_.resize(records * wanted_.size());
  present_.clear();
  std::size_t i = 0;  // of the messages
  for (const block_tables::run& r : runs_) {
    if (r.head == 0) continue;
    const std::size_t number = (r.head >> head_shape_shift) - 1;
    for (std::size_t c = 0; c < wanted_.size(); ++c) {
      std::uint64_t* const to = values_.data() + c * records + i;
      const std::uint32_t found = source_numbers_[number * wanted_.size() + c];
      if (found == none) {
        if (present_.empty()) present_.assign(values_.size(), 1);
        std::fill_n(present_.data() + c * records + i, r.count, std::uint8_t{0});
        std::fill_n(to, r.count, 0U);
        continue;
      }
      const source& from = sources_[found];
      const std::uint32_t row = slots_[from.slot].next;
      const std::uint32_t* const low = words_.data() + from.low + row;
      const std::uint32_t* const high = words_.data() + from.high + row;
      const unsigned bits = 8U * wanted_[c].width;
      const std::uint64_t mask = bits == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << bits) - 1;
      if (from.low == from.high)
        for (std::size_t k = 0; k < r.count; ++k) to[k] = low[k] >> from.shift & mask;
      else
        for (std::size_t k = 0; k < r.count; ++k)
          to[k] = (std::uint64_t{high[k]} << 32U | low[k]) >> from.shift & mask;
    }
    for (const std::uint16_t n : tables_.shape_at(number).slots) slots_[n].next += r.count;
    i += r.count;
  }
}

bool column_decoder::next(segment_columns& out) {
  const auto& entries = tables_.archives().entries();
  while (archive_ < entries.size() && entries[archive_].records == 0) ++archive_;
  if (archive_ == entries.size()) return false;
  find_runs(entries[archive_].records);
  std::uint32_t lines = 0;
  for (const block_tables::run& r : runs_) lines += r.head == 0 ? r.count : 0;
  const std::size_t messages = entries[archive_].records - lines;
  archive_moments_.resize(messages);
  const bool good = moments_.next(archive_moments_);
  std::optional<std::int64_t> first_ns;
  if (good && runs_.front().head != 0) first_ns = archive_moments_.front().time_ns;
  if (!good || !tables_.archives().choose(archive_, first_ns)) {
    fault_ = errc::bad_block;
    archive_ = entries.size();
    return false;
  }
  put_values(messages);
  const segment_archive& about = tables_.archives().chosen();
  if (about.about != nullptr && about.about->byte_order == "big")
    for (std::size_t c = 0; c < wanted_.size(); ++c)
      for (std::uint64_t& value : std::span(values_).subspan(c * messages, messages))
        value = swapped(value, wanted_[c].width);
  out = {};
  out.moments = archive_moments_;
  out.values = values_;
  out.present = present_;
  out.lines = lines;
  ++archive_;
  return true;
}

}  // namespace tcpinfo::inline v0::segment_format
