// SPDX-License-Identifier: Apache-2.0
#include "parquet/chunk.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <new>
#include <stdexcept>
#include <string_view>

#include "parquet/encodings.h"
#include "parquet/thrift.h"

namespace tcpinfo::parquet {
namespace {

// A text above this is no bound: every file would have it in its footer.
constexpr std::size_t longest_bound = 64;
// Of numbers. Above it, or where most values are different, plain ones are no longer.
constexpr std::size_t largest_dictionary = std::size_t{1} << 15U;
// Values that encodings are compared on; times are compared whole: that connections have the same
// ones, one connection after the other, a piece of them does not show.
constexpr std::size_t sample = std::size_t{1} << 15U;

bool is_text(value_type t) { return t == value_type::text; }

unsigned size_of(physical_type t) { return t == physical_type::i32 ? 4 : 8; }

std::string plain_of(const column_values& column, std::uint64_t value) {
  if (is_text(column.type())) return column.texts()[value];
  std::string bytes;
  const physical_type type = physical_of(column.type());
  append_little(bytes, value, type == physical_type::boolean ? 1 : size_of(type));
  return bytes;
}

value_range range_of(const column_values& column, std::span<const std::uint64_t> values) {
  value_range range;
  if (values.empty()) return range;
  const auto bounds = [&](auto is_less) {
    std::uint64_t least = values[0];
    std::uint64_t most = values[0];
    for (const std::uint64_t v : values) {
      if (v == most || v == least) continue;
      if (is_less(v, least)) least = v;
      if (is_less(most, v)) most = v;
    }
    range = {true, plain_of(column, least), plain_of(column, most)};
  };
  switch (column.type()) {
    case value_type::text:
      bounds(
          [&](std::uint64_t a, std::uint64_t b) { return column.texts()[a] < column.texts()[b]; });
      if (range.least.size() > longest_bound || range.most.size() > longest_bound) return {};
      break;
    case value_type::time:
      bounds([](std::uint64_t a, std::uint64_t b) {
        return static_cast<std::int64_t>(a) < static_cast<std::int64_t>(b);
      });
      break;
    case value_type::number:
      for (const std::uint64_t v : values)
        if (std::isnan(std::bit_cast<double>(v))) return {};
      bounds([](std::uint64_t a, std::uint64_t b) {
        return std::bit_cast<double>(a) < std::bit_cast<double>(b);
      });
      break;
    default:
      bounds([](std::uint64_t a, std::uint64_t b) { return a < b; });
  }
  return range;
}

// The header of a page, `count` being its values, nulls included.
std::string header_of(bool dictionary, encoding how, std::size_t count, std::size_t plain_size,
                      std::size_t size) {
  std::string text;
  thrift_writer to(text);
  to.begin();
  to.i32(1, dictionary ? 2 : 0);
  to.i32(2, static_cast<std::int64_t>(plain_size));
  to.i32(3, static_cast<std::int64_t>(size));
  to.begin(dictionary ? 7 : 5);
  to.i32(1, static_cast<std::int64_t>(count));
  to.i32(2, static_cast<std::int64_t>(dictionary ? encoding::plain : how));
  if (!dictionary) {
    to.i32(3, static_cast<std::int64_t>(encoding::rle));
    to.i32(4, static_cast<std::int64_t>(encoding::rle));
  }
  to.end();
  to.end();
  return text;
}

// Which of the rows have a value, with the length before it.
void append_levels(std::string& to, std::span<const std::uint32_t> levels, std::size_t rows,
                   std::uint32_t all) {
  std::string bytes;
  if (levels.empty())
    append_run(bytes, all, rows, 1);
  else
    append_hybrid(bytes, levels, 1);
  append_little(to, bytes.size(), 4);
  to += bytes;
}

std::size_t hash_of(std::uint64_t v) {
  return static_cast<std::size_t>((v * 0x9e37'79b9'7f4a'7c15U) >> 32U);
}

}  // namespace

physical_type physical_of(value_type type) {
  switch (type) {
    case value_type::boolean:
      return physical_type::boolean;
    case value_type::u8:
    case value_type::u16:
    case value_type::u32:
      return physical_type::i32;
    case value_type::u64:
    case value_type::time:
      return physical_type::i64;
    case value_type::number:
      return physical_type::real;
    case value_type::text:
      break;
  }
  return physical_type::binary;
}

chunk_maker::chunk_maker(std::int32_t level) {
  if (frames_.create(level)) throw std::bad_alloc();
}

// In the order of first sight. @return false where there are too many.
bool chunk_maker::make_dictionary(const column_values& column) {
  const bool text = is_text(column.type());
  const std::size_t most =
      text ? values_.size() : std::min(largest_dictionary, values_.size() / 2 + 1);
  indices_.clear();
  dictionary_.clear();
  std::size_t mask =
      std::bit_ceil(std::max<std::size_t>(256, 2 * (text ? column.texts().size() : most))) - 1;
  slots_.assign(mask + 1, 0);
  for (std::size_t i = 0; i < values_.size(); ++i) {
    const std::uint64_t v = values_[i];
    if (i != 0 && v == values_[i - 1]) {
      indices_.push_back(indices_.back());
      continue;
    }
    std::size_t at = hash_of(v) & mask;
    while (slots_[at] != 0 && dictionary_[slots_[at] - 1] != v) at = (at + 1) & mask;
    if (slots_[at] == 0) {
      if (dictionary_.size() == most) return false;
      dictionary_.push_back(v);
      slots_[at] = static_cast<std::uint32_t>(dictionary_.size());
    }
    indices_.push_back(slots_[at] - 1);
  }
  return true;
}

void chunk_maker::encode(const column_values& column, encoding how, std::size_t from,
                         std::size_t to, std::string& out) const {
  const physical_type type = physical_of(column.type());
  const std::span<const std::uint64_t> values = std::span(values_).subspan(from, to - from);
  switch (how) {
    case encoding::dictionary: {
      out += static_cast<char>(index_bits_);
      append_hybrid(out, std::span(indices_).subspan(from, to - from), index_bits_);
      break;
    }
    case encoding::delta:
      append_delta(out, values, size_of(type) * 8);
      break;
    case encoding::plain:
    case encoding::rle:
      if (type == physical_type::boolean)
        append_bits(out, values);
      else
        append_plain(out, values, size_of(type));
  }
}

std::string_view chunk_maker::compress(const std::string& page) {
  room_.resize(std::max(room_.size(), frame_writer::bound(page.size())));
  std::size_t size = 0;
  if (frames_.compress(std::as_bytes(std::span(page)), room_, size)) throw std::bad_alloc();
  return {reinterpret_cast<const char*>(room_.data()), size};
}

std::size_t chunk_maker::compressed_size(const std::string& page) { return compress(page).size(); }

// The encoding that makes least of a piece from the middle. Values differ much from column to
// column, and hardly from page to page.
encoding chunk_maker::choose(const column_values& column) {
  const physical_type type = physical_of(column.type());
  if (type == physical_type::boolean) return encoding::plain;
  const bool dictionary = make_dictionary(column);
  const unsigned bits = index_bits_ = bits_of(dictionary_.size() - 1);
  if (dictionary_.size() <= 1) return encoding::dictionary;
  const bool whole = column.type() == value_type::time;
  const std::size_t count = whole ? values_.size() : std::min(sample, values_.size());
  const std::size_t from = (values_.size() - count) / 2;
  encoding best = encoding::plain;
  std::size_t least = SIZE_MAX;
  std::string page;
  const auto weigh = [&](encoding how, std::size_t more) {
    page.clear();
    encode(column, how, from, from + count, page);
    const std::size_t size = compressed_size(page) + more;
    if (size >= least) return false;
    least = size;
    best = how;
    return true;
  };
  const bool is_binary = type == physical_type::binary;
  if (dictionary) {
    if (!is_binary) append_plain(page, dictionary_, size_of(type));
    const std::size_t more = is_binary ? 0 : compressed_size(page) * count / values_.size();
    weigh(encoding::dictionary, more);
    // What repeats is found by zstd where it begins at a whole byte.
    index_bits_ = (bits + 7) / 8 * 8;
    if (index_bits_ != bits && !weigh(encoding::dictionary, more)) index_bits_ = bits;
  }
  if (is_binary) return encoding::dictionary;
  if (type != physical_type::real) weigh(encoding::delta, 0);
  weigh(encoding::plain, 0);
  return best;
}

column_chunk chunk_maker::make(const column_values& column, std::span<const std::uint32_t> order,
                               std::size_t page_rows) {
  column_chunk chunk;
  chunk.rows = column.rows();
  values_.clear();
  levels_.clear();
  column.gather(order, values_, levels_);
  chunk.nulls = chunk.rows - values_.size();
  chunk.values = values_.empty() ? encoding::plain : choose(column);
  // Equal rows are one page: a number, and how often.
  if (column.is_uniform()) page_rows = chunk.rows;

  std::vector<std::string> pages;
  std::string dictionary;
  if (chunk.values == encoding::dictionary) {
    for (const std::uint64_t v : dictionary_) {
      const std::string bytes = plain_of(column, v);
      if (is_text(column.type())) append_little(dictionary, bytes.size(), 4);
      dictionary += bytes;
    }
  }
  std::size_t value = 0;
  for (std::size_t row = 0; row < chunk.rows; row += page_rows) {
    const std::size_t rows = std::min(page_rows, chunk.rows - row);
    page_place place;
    place.first_row = row;
    std::span<const std::uint32_t> levels;
    if (!levels_.empty()) {
      levels = std::span(levels_).subspan(row, rows);
      place.nulls = static_cast<std::size_t>(std::count(levels.begin(), levels.end(), 0U));
    }
    const std::size_t count = rows - place.nulls;
    place.only_nulls = count == 0;
    place.range = range_of(column, std::span(values_).subspan(value, count));
    std::string page;
    append_levels(page, place.only_nulls ? std::span<const std::uint32_t>() : levels, rows,
                  place.only_nulls ? 0 : 1);
    encode(column, chunk.values, value, value + count, page);
    value += count;
    chunk.pages.push_back(std::move(place));
    pages.push_back(std::move(page));
  }
  chunk.range = chunk.pages.size() == 1 ? chunk.pages[0].range : range_of(column, values_);

  const auto write = [&](codec compression) {
    chunk.compression = compression;
    chunk.bytes.clear();
    chunk.plain_size = 0;
    const auto add = [&](bool is_dictionary, std::size_t count, const std::string& page) {
      if (page.size() > INT32_MAX) throw std::length_error("a page of Parquet has 2 GiB");
      const std::string_view body = compression == codec::zstd ? compress(page) : page;
      const std::string header =
          header_of(is_dictionary, chunk.values, count, page.size(), body.size());
      chunk.plain_size += header.size() + page.size();
      chunk.bytes += header;
      chunk.bytes += body;
    };
    if (chunk.values == encoding::dictionary) {
      chunk.dictionary_at = 0;
      add(true, dictionary_.size(), dictionary);
    }
    for (std::size_t i = 0; i < pages.size(); ++i) {
      page_place& place = chunk.pages[i];
      const std::size_t end = i + 1 < pages.size() ? chunk.pages[i + 1].first_row : chunk.rows;
      place.at = chunk.bytes.size();
      add(false, end - place.first_row, pages[i]);
      place.size = chunk.bytes.size() - place.at;
    }
  };
  write(codec::zstd);
  if (chunk.bytes.size() >= chunk.plain_size) write(codec::none);
  return chunk;
}

}  // namespace tcpinfo::parquet
