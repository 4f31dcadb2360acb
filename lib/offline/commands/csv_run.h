// SPDX-License-Identifier: Apache-2.0
//
// Sets up a run of tcpinfo-csv and tells how it went. csv_worker.h makes rows of files,
// csv_connections.h rows of connections.
#ifndef TCPINFO_OFFLINE_COMMANDS_CSV_RUN_H
#define TCPINFO_OFFLINE_COMMANDS_CSV_RUN_H

#include <cstdint>
#include <string>
#include <vector>

#include "offline/commands/parquet_output.h"
#include "offline/filters/filters.h"
#include "offline/inputs/inputs.h"
#include "offline/tables/connection_table.h"
#include "offline/tables/grid_table.h"
#include "offline/tables/table_rows.h"

namespace tcpinfo::offline {

struct csv_options {
  std::vector<std::string> paths;
  std::string output;  ///< empty: standard output
  /// As Parquet; the tables' formats and times play no part.
  bool parquet = false;
  partition_keys partition;  ///< of Parquet: `output` is a directory; empty: a file
  bool mlab = false;         ///< the compatible table; `table` plays no part
  table_options table;
  /// A row a connection, by `connection_table`; `table` plays no part.
  bool connections = false;
  connection_table_options connection_table;
  /// A row a step of so many ns of each connection, by `grid_table`; 0: none. `table` and
  /// `connections` play no part.
  std::int64_t grid_ns = 0;
  grid_table_options grid_table;
  /// Read records, also where there are summaries, and keep all round-trip times of each
  /// connection.
  bool exact = false;
  bool why = false;
  filter_options filter;
  std::int32_t max_window_log = usual_window_log;
  unsigned workers = 1;
  bool strict = false;
  bool verbose = false;  ///< tell each of many faults of a kind
  bool progress = false;
};

enum class csv_status : int {
  done = 0,
  trouble = 1,  ///< something in the data was lost, or the system failed
  usage = 2,    ///< the output cannot be created
};

/// Ignore SIGPIPE in the process. Says what goes wrong on standard error.
[[nodiscard]] csv_status run_csv(const csv_options& options);

}  // namespace tcpinfo::offline

#endif
