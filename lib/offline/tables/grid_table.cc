// SPDX-License-Identifier: Apache-2.0
#include "offline/tables/grid_table.h"

#include <fmt/format.h>
#include <tcpinfo/tcp.h>

#include <algorithm>
#include <bit>
#include <deque>
#include <iterator>
#include <optional>
#include <span>

#include "offline/text/name_patterns.h"
#include "offline/text/number_text.h"
#include "text/values.h"

namespace tcpinfo::offline {
namespace {

constexpr column_description own_grid_columns[] = {
    {"uuid", "text", "text", "-",
     "the connection: what the files' metadata says, else their names"},
    {"step", "u64", "count", "-", "number of the step, from 0 at the connection's first record"},
    {"time_s", "decimal", "s", "-", "the moment of the step, since the connection's first record"},
    {"records", "u64", "count", "-",
     "records since the step before; 0: nothing was recorded, and values are the last known ones"},
    {"age_s", "decimal", "s", "-", "time since the last record before the step"},
    {"state", "text", "enum", "2.6.14", "the state in the last record"},
};
enum own : std::size_t { uuid_column, step_column, time_column, records_column, age_column };
constexpr std::size_t own_count = std::size(own_grid_columns);
constexpr std::size_t growth_from = own_count + grid_values.size();

const std::vector<column_description>& columns_of_grid() {
  // What views of descriptions of growth are of.
  static std::deque<std::string> texts;
  static const auto all = [] {
    std::vector<column_description> made(std::begin(own_grid_columns), std::end(own_grid_columns));
    for (const tcp_field f : grid_values) {
      const field_descriptor d = describe(field(f));
      made.push_back(
          {d.csv_name(), type_name(d.type()), unit_name(d.unit()), d.first_kernel(), d.meaning()});
    }
    for (const tcp_field f : grid_counters) {
      const field_descriptor d = describe(field(f));
      const std::string& name = texts.emplace_back(fmt::format("delta_{}", d.csv_name()));
      const std::string& meaning =
          texts.emplace_back(fmt::format("growth since the step before: {}", d.meaning()));
      made.push_back({name, type_name(d.type()), unit_name(d.unit()), d.first_kernel(), meaning});
    }
    return made;
  }();
  return all;
}

void append_text(std::string& to, std::string_view text, row_format format) {
  const std::size_t before = to.size();
  to.resize(before + 6 * text.size() + 2);
  std::size_t n = 0;
  // The room is what it asks for.
  static_cast<void>(format_text_cell(format, text, std::span(to).subspan(before), n));
  to.resize(before + n);
}

std::optional<std::uint64_t> number_of(std::size_t column, const grid_step& step) {
  if (column >= growth_from) return step.growth[column - growth_from];
  if (column >= own_count) return step.values[column - own_count];
  return column == step_column ? step.number : step.records;
}

// Nothing where it is not known.
void append_value(std::string& to, std::size_t column, std::string_view uuid, const grid_step& step,
                  row_format format) {
  switch (column) {
    case uuid_column:
      return append_text(to, uuid, format);
    case time_column:
      return append_seconds(to, step.time_ns);
    case age_column:
      return append_seconds(to, step.age_ns);
    case own_count - 1:
      return append_text(to, state_name(step.state), format);
    default:
      if (const auto n = number_of(column, step)) append_number(to, *n);
  }
}

// A null where it is not known.
void push_value(parquet::column_values& to, std::size_t column, std::string_view uuid,
                const grid_step& step) {
  const auto push_seconds = [&to](std::int64_t ns) {
    to.push(std::bit_cast<std::uint64_t>(static_cast<double>(ns) / 1e9));
  };
  switch (column) {
    case uuid_column:
      return to.push_text(uuid);
    case time_column:
      return push_seconds(step.time_ns);
    case age_column:
      return push_seconds(step.age_ns);
    case own_count - 1:
      return to.push_text(state_name(step.state));
    default:
      if (const auto n = number_of(column, step)) return to.push(*n);
      to.push_null();
  }
}

}  // namespace

grid_columns all_grid_columns() {
  grid_columns all(columns_of_grid().size());
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = i;
  return all;
}

std::string pick_grid_columns(std::string_view list, grid_columns& out) {
  return text::each_item(list, [&](std::string_view item) -> std::string {
    const auto found = matches_of(item, columns_of_grid().size(),
                                  [](std::size_t i) { return columns_of_grid()[i].name; });
    for (const std::size_t i : found)
      if (std::find(out.begin(), out.end(), i) == out.end()) out.push_back(i);
    if (!found.empty()) return {};
    return fmt::format("no column of the grid is called '{}' (see --grid 1s --list-columns)", item);
  });
}

table_description describe_grid(const grid_columns& picked) {
  table_description table{"tcpinfo_grid", "time_s", {}};
  for (const std::size_t i : picked) table.columns.push_back(columns_of_grid()[i]);
  return table;
}

std::string grid_header(const grid_table_options& options) {
  std::string line;
  if (options.format == row_format::json) return line;
  for (const std::size_t i : options.columns) {
    if (!line.empty()) line += options.format == row_format::tsv ? '\t' : ',';
    line += columns_of_grid()[i].name;
  }
  return line + '\n';
}

void append_grid_row(std::string& to, std::string_view uuid, const grid_step& step,
                     const grid_table_options& options) {
  const bool json = options.format == row_format::json;
  if (json) to += '{';
  bool first = true;
  for (const std::size_t i : options.columns) {
    const std::size_t before = to.size();
    if (!first) to += options.format == row_format::tsv ? '\t' : ',';
    if (json) fmt::format_to(std::back_inserter(to), "\"{}\":", columns_of_grid()[i].name);
    const std::size_t begun = to.size();
    append_value(to, i, uuid, step, options.format);
    if (json && to.size() == begun)
      to.resize(before);
    else
      first = false;
  }
  to += json ? "}\n" : "\n";
}

void append_grid_cells(parquet::row_batch& to, std::string_view uuid, const grid_step& step,
                       const grid_columns& columns) {
  for (std::size_t i = 0; i < columns.size(); ++i) push_value(to[i], columns[i], uuid, step);
}

}  // namespace tcpinfo::offline
