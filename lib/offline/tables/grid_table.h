// SPDX-License-Identifier: Apache-2.0
//
// Steps of connections as rows of a table: tcpinfo-csv --grid.
#ifndef TCPINFO_OFFLINE_TABLES_GRID_TABLE_H
#define TCPINFO_OFFLINE_TABLES_GRID_TABLE_H

#include <tcpinfo/parse.h>

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "offline/tables/grid_steps.h"
#include "offline/tables/table_description.h"
#include "parquet/values.h"

namespace tcpinfo::offline {

/// Columns by number, in the default order.
using grid_columns = std::vector<std::size_t>;

struct grid_table_options {
  grid_columns columns;
  row_format format = row_format::csv;
};

[[nodiscard]] grid_columns all_grid_columns();
/// As pick_columns().
[[nodiscard]] std::string pick_grid_columns(std::string_view list, grid_columns& out);
/// The table `tcpinfo_grid` with these columns.
[[nodiscard]] table_description describe_grid(const grid_columns& columns);

/// The first line with its newline; empty for JSON.
[[nodiscard]] std::string grid_header(const grid_table_options& options);
/// Appends a row, newline included. What is not known is an empty cell, and in JSON no member.
void append_grid_row(std::string& to, std::string_view uuid, const grid_step& step,
                     const grid_table_options& options);
/// The same to a batch with these columns, of Parquet. Throws std::bad_alloc.
void append_grid_cells(parquet::row_batch& to, std::string_view uuid, const grid_step& step,
                       const grid_columns& columns);

}  // namespace tcpinfo::offline

#endif
