// SPDX-License-Identifier: Apache-2.0
//
// tcpinfo-csv --connections: all is read first, then a row is written for each connection.
#ifndef TCPINFO_OFFLINE_COMMANDS_CSV_CONNECTIONS_H
#define TCPINFO_OFFLINE_COMMANDS_CSV_CONNECTIONS_H

#include "offline/commands/csv_progress.h"
#include "offline/commands/csv_run.h"
#include "offline/commands/csv_target.h"
#include "offline/commands/parquet_output.h"
#include "offline/inputs/inputs.h"

namespace tcpinfo::offline {

struct rows_written {
  bool lost = false;     ///< something in the data
  bool aborted = false;  ///< the table is not whole: there are no rows
};

/// Writes the rows, without the header, to `target`, in the order of first sight and then of UUIDs.
/// Says faults by `progress`. `parquet`: takes the rows in place of the target; null for none.
[[nodiscard]] rows_written write_connections(const csv_options& options, const walk_options& walk,
                                             csv_target& target, parquet_output* parquet,
                                             csv_progress& progress, csv_counts& counts);

}  // namespace tcpinfo::offline

#endif
