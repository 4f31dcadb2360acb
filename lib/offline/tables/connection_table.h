// SPDX-License-Identifier: Apache-2.0
//
// Connections as rows of a table: tcpinfo-csv --connections.
#ifndef TCPINFO_OFFLINE_TABLES_CONNECTION_TABLE_H
#define TCPINFO_OFFLINE_TABLES_CONNECTION_TABLE_H

#include <tcpinfo/parse.h>

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "offline/flows/flow_summary.h"
#include "offline/flows/why_list.h"
#include "offline/tables/table_description.h"
#include "offline/text/times.h"
#include "parquet/values.h"

namespace tcpinfo::offline {

/// Columns by number, in the default order.
using connection_columns = std::vector<std::size_t>;

struct connection_table_options {
  connection_columns columns;
  row_format format = row_format::csv;
  time_style time = time_style::utc;
};

[[nodiscard]] connection_columns all_connection_columns();
/// As pick_columns().
[[nodiscard]] std::string pick_connection_columns(std::string_view list, connection_columns& out);
/// The table `tcpinfo_connections` with these columns.
[[nodiscard]] table_description describe_connections(const connection_columns& columns,
                                                     time_style style);

/// The first line with its newline; empty for JSON.
[[nodiscard]] std::string connection_header(const connection_table_options& options);
/// Appends the connection's row, newline included. What is not known is an empty cell, and in JSON
/// no member at all.
/// `why`: where records were examined; it must have been given all of them.
void append_connection(std::string& to, flow_summary& f, const connection_table_options& options,
                       why_list* why = nullptr);
/// Appends it as a row of a batch with these columns. Of the options, format and time play no part.
void append_connection(parquet::row_batch& to, flow_summary& f,
                       const connection_table_options& options, why_list* why = nullptr);

}  // namespace tcpinfo::offline

#endif
