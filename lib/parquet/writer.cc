// SPDX-License-Identifier: Apache-2.0
#include "parquet/writer.h"

#include <algorithm>
#include <bit>
#include <numeric>

#include "parquet/encodings.h"
#include "parquet/thrift.h"

namespace tcpinfo::parquet {
namespace {

constexpr std::string_view magic = "PAR1";

// Of parquet.thrift, in the order of value_type. ConvertedType is for readers of before 2018; there
// is none for nanoseconds.
struct type_row {
  int converted;
  unsigned bits;  // of whole numbers
};
constexpr type_row types[] = {{11, 8}, {12, 16}, {13, 32}, {14, 64},
                              {-1, 0}, {0, 0},   {-1, 0},  {-1, 0}};

void put_schema(thrift_writer& to, const std::vector<column_spec>& columns) {
  constexpr int optional = 1;
  to.structures(2, columns.size() + 1);
  to.begin();
  to.binary(4, "schema");
  to.i32(5, static_cast<std::int64_t>(columns.size()));
  to.end();
  for (const column_spec& c : columns) {
    const type_row& type = types[static_cast<std::size_t>(c.type)];
    to.begin();
    to.i32(1, static_cast<std::int64_t>(physical_of(c.type)));
    to.i32(3, optional);
    to.binary(4, c.name);
    if (type.converted >= 0) to.i32(6, type.converted);
    if (c.type == value_type::text) {
      to.begin(10);
      to.empty(1);
      to.end();
    } else if (c.type == value_type::time) {
      to.begin(10);
      to.begin(8);
      // In UTC, but not said to be: DuckDB would cut what is "adjusted to UTC" to microseconds.
      to.boolean(1, false);
      to.begin(2);
      to.empty(3);
      to.end();
      to.end();
      to.end();
    } else if (type.bits != 0) {
      to.begin(10);
      to.begin(10);
      to.i8(1, static_cast<std::int8_t>(type.bits));
      to.boolean(2, false);
      to.end();
      to.end();
    }
    to.end();
  }
}

void put_statistics(thrift_writer& to, const column_chunk& chunk) {
  to.begin(12);
  to.i64(3, chunk.nulls);
  if (chunk.range.known) {
    to.binary(5, chunk.range.most);
    to.binary(6, chunk.range.least);
  }
  to.end();
}

std::string column_index_of(const column_chunk& chunk) {
  std::string text;
  thrift_writer to(text);
  to.begin();
  to.booleans(1, chunk.pages.size());
  for (const page_place& p : chunk.pages) to.item(p.only_nulls);
  to.binaries(2, chunk.pages.size());
  for (const page_place& p : chunk.pages) to.item(std::string_view(p.range.least));
  to.binaries(3, chunk.pages.size());
  for (const page_place& p : chunk.pages) to.item(std::string_view(p.range.most));
  to.i32(4, 0);  // in no order that we vouch for
  to.i64s(5, chunk.pages.size());
  for (const page_place& p : chunk.pages) to.item(static_cast<std::int64_t>(p.nulls));
  to.end();
  return text;
}

std::string offset_index_of(const column_chunk& chunk, std::size_t at) {
  std::string text;
  thrift_writer to(text);
  to.begin();
  to.structures(1, chunk.pages.size());
  for (const page_place& p : chunk.pages) {
    to.begin();
    to.i64(1, at + p.at);
    to.i32(2, static_cast<std::int64_t>(p.size));
    to.i64(3, p.first_row);
    to.end();
  }
  to.end();
  return text;
}

}  // namespace

file_writer::file_writer(std::vector<column_spec> columns, writer_options options, sink to)
    : columns_(std::move(columns)),
      options_(std::move(options)),
      sink_(std::move(to)),
      rows_(make_batch(columns_)) {}

row_batch file_writer::make_batch(const std::vector<column_spec>& columns) {
  row_batch batch;
  batch.reserve(columns.size());
  for (const column_spec& c : columns) batch.emplace_back(c.type);
  return batch;
}

bool file_writer::put(std::string_view bytes) {
  at_ += bytes.size();
  return sink_(bytes);
}

bool file_writer::append(const row_batch& batch) {
  const std::size_t rows = batch.empty() ? 0 : batch[0].rows();
  for (std::size_t from = 0; from < rows;) {
    const std::size_t count = std::min(rows - from, options_.group_rows - rows_[0].rows());
    for (std::size_t i = 0; i < rows_.size(); ++i) rows_[i].append(batch[i], from, count);
    from += count;
    const bool full = rows_[0].rows() == options_.group_rows || memory() > options_.group_memory;
    if (full && !flush()) return false;
  }
  return true;
}

std::size_t file_writer::memory() const {
  std::size_t bytes = 0;
  for (const column_values& c : rows_) bytes += c.memory();
  return bytes;
}

// Empty where they are in order as they came.
std::vector<std::uint32_t> file_writer::order_of_rows() const {
  std::vector<std::uint32_t> order;
  const std::size_t rows = rows_[0].rows();
  // A key for each row and column: numbers that compare as the values do.
  std::vector<std::vector<std::uint64_t>> keys;
  for (const std::size_t number : options_.order) {
    const column_values& column = rows_[number];
    if (column.is_uniform()) continue;
    std::vector<std::uint64_t> ranks(column.texts().size());
    if (column.type() == value_type::text) {
      std::vector<std::uint32_t> sorted(ranks.size());
      std::iota(sorted.begin(), sorted.end(), 0U);
      std::sort(sorted.begin(), sorted.end(), [&](std::uint32_t a, std::uint32_t b) {
        return column.texts()[a] < column.texts()[b];
      });
      for (std::size_t i = 0; i < sorted.size(); ++i) ranks[sorted[i]] = i + 1;
    }
    std::vector<std::uint64_t>& key = keys.emplace_back(rows);
    for (std::size_t row = 0; row < rows; ++row) {
      if (column.is_null(row)) continue;
      const std::uint64_t value = column.value(row);
      if (column.type() == value_type::text)
        key[row] = ranks[value];
      else if (column.type() == value_type::time)
        key[row] = value ^ std::uint64_t{1} << 63U;
      else
        key[row] = value;
    }
  }
  const auto is_before = [&](std::uint32_t a, std::uint32_t b) {
    for (const std::vector<std::uint64_t>& key : keys)
      if (key[a] != key[b]) return key[a] < key[b];
    return false;
  };
  bool sorted = true;
  for (std::uint32_t row = 1; row < rows && sorted; ++row) sorted = !is_before(row, row - 1);
  if (sorted) return order;
  order.resize(rows);
  std::iota(order.begin(), order.end(), 0U);
  std::stable_sort(order.begin(), order.end(), is_before);
  return order;
}

bool file_writer::flush() {
  if (rows_.empty() || rows_[0].rows() == 0) return true;
  if (at_ == 0 && !put(magic)) return false;
  const std::vector<std::uint32_t> order = order_of_rows();
  written_group& group = groups_.emplace_back();
  group.rows = rows_[0].rows();
  // Memory is kept from column to column, and not until the next row group: of many files that are
  // written at once each would hold it.
  chunk_maker maker(options_.level);
  for (column_values& column : rows_) {
    written_column& written = group.columns.emplace_back();
    written.at = at_;
    written.chunk = maker.make(column, order, options_.page_rows);
    column = column_values(column.type());
    written.size = written.chunk.bytes.size();
    if (!put(written.chunk.bytes)) return false;
    // Swapped, for the memory to be given back: many of these wait for the footer.
    std::string().swap(written.chunk.bytes);
  }
  return true;
}

// Of chunks of one page, the footer says all that an index would.
bool file_writer::put_indexes() {
  const auto has_index = [](const column_chunk& chunk) {
    return chunk.pages.size() > 1 &&
           std::all_of(chunk.pages.begin(), chunk.pages.end(),
                       [](const page_place& p) { return p.only_nulls || p.range.known; });
  };
  for (written_group& g : groups_) {
    for (written_column& c : g.columns) {
      if (!has_index(c.chunk)) continue;
      const std::string index = column_index_of(c.chunk);
      c.index_at = at_;
      c.index_size = index.size();
      if (!put(index)) return false;
    }
  }
  for (written_group& g : groups_) {
    for (written_column& c : g.columns) {
      if (c.chunk.pages.size() < 2) continue;
      const std::string offsets = offset_index_of(c.chunk, c.at);
      c.offsets_at = at_;
      c.offsets_size = offsets.size();
      if (!put(offsets)) return false;
    }
  }
  return true;
}

std::string file_writer::footer() const {
  std::string text;
  thrift_writer to(text);
  std::size_t rows = 0;
  for (const written_group& g : groups_) rows += g.rows;
  to.begin();
  to.i32(1, 2);
  put_schema(to, columns_);
  to.i64(3, rows);
  to.structures(4, groups_.size());
  for (const written_group& g : groups_) {
    std::size_t plain_size = 0;
    std::size_t size = 0;
    to.begin();
    to.structures(1, g.columns.size());
    for (std::size_t i = 0; i < g.columns.size(); ++i) {
      const written_column& c = g.columns[i];
      const column_chunk& chunk = c.chunk;
      plain_size += chunk.plain_size;
      size += c.size;
      to.begin();
      to.i64(2, std::int64_t{0});
      to.begin(3);
      to.i32(1, static_cast<std::int64_t>(physical_of(columns_[i].type)));
      const bool dictionary = chunk.dictionary_at.has_value();
      to.i32s(2, dictionary ? 3 : 2);
      to.item(static_cast<std::int64_t>(chunk.values));
      to.item(static_cast<std::int64_t>(encoding::rle));
      if (dictionary) to.item(static_cast<std::int64_t>(encoding::plain));
      to.binaries(3, 1);
      to.item(std::string_view(columns_[i].name));
      to.i32(4, static_cast<std::int64_t>(chunk.compression));
      to.i64(5, chunk.rows);
      to.i64(6, chunk.plain_size);
      to.i64(7, c.size);
      to.i64(9, c.at + chunk.pages[0].at);
      if (dictionary) to.i64(11, c.at + *chunk.dictionary_at);
      put_statistics(to, chunk);
      to.end();
      if (c.offsets_size != 0) {
        to.i64(4, c.offsets_at);
        to.i32(5, static_cast<std::int64_t>(c.offsets_size));
      }
      if (c.index_size != 0) {
        to.i64(6, c.index_at);
        to.i32(7, static_cast<std::int64_t>(c.index_size));
      }
      to.end();
    }
    to.i64(2, plain_size);
    to.i64(3, g.rows);
    if (!options_.order.empty()) {
      to.structures(4, options_.order.size());
      for (const std::size_t column : options_.order) {
        to.begin();
        to.i32(1, static_cast<std::int64_t>(column));
        to.boolean(2, false);
        to.boolean(3, true);
        to.end();
      }
    }
    to.i64(5, g.columns[0].at);
    to.i64(6, size);
    to.end();
  }
  if (!options_.notes.empty()) {
    to.structures(5, options_.notes.size());
    for (const auto& [key, value] : options_.notes) {
      to.begin();
      to.binary(1, key);
      to.binary(2, value);
      to.end();
    }
  }
  to.binary(6, options_.created_by);
  // Least and most are by the types' own order: unsigned numbers as such, texts by their bytes.
  to.structures(7, columns_.size());
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    to.begin();
    to.empty(1);
    to.end();
  }
  to.end();
  return text;
}

bool file_writer::finish() {
  if (!flush()) return false;
  if (at_ == 0 && !put(magic)) return false;
  if (!put_indexes()) return false;
  std::string end = footer();
  append_little(end, end.size(), 4);
  end += magic;
  return put(end);
}

}  // namespace tcpinfo::parquet
