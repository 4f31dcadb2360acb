// SPDX-License-Identifier: Apache-2.0
//
// tcpinfo-csv --grid: rows at fixed times, for programs that learn from them.
#ifndef TCPINFO_OFFLINE_COMMANDS_CSV_GRID_H
#define TCPINFO_OFFLINE_COMMANDS_CSV_GRID_H

#include "offline/commands/csv_connections.h"
#include "offline/commands/csv_progress.h"
#include "offline/commands/csv_run.h"
#include "offline/commands/csv_target.h"
#include "offline/commands/parquet_output.h"
#include "offline/inputs/inputs.h"

namespace tcpinfo::offline {

/// Writes the rows to `parquet`, or where that is null, without the header, to `target`. Those of
/// one connection come in the order of their times; those of several that a file has together, as
/// records come. Says faults by `progress`.
[[nodiscard]] rows_written write_grid(const csv_options& options, const walk_options& walk,
                                      csv_target& target, parquet_output* parquet,
                                      csv_progress& progress, csv_counts& counts);

}  // namespace tcpinfo::offline

#endif
