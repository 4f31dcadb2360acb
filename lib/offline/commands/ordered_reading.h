// SPDX-License-Identifier: Apache-2.0
//
// Several threads read files, and one at a time hands on what it read: in the order of the files,
// as if one thread had read them all.
#ifndef TCPINFO_OFFLINE_COMMANDS_ORDERED_READING_H
#define TCPINFO_OFFLINE_COMMANDS_ORDERED_READING_H

#include <functional>
#include <string_view>

#include "offline/commands/csv_progress.h"
#include "offline/inputs/inputs.h"

namespace tcpinfo::offline {

/// What the callbacks below may throw: it ends the reading of all threads.
struct stop_reading {};

/// What is done with what was read. All calls come one at a time, from any of the threads.
struct reading_calls {
  /// A record. It may not be kept.
  std::function<void(input_record&)> record;
  fault_callback fault;
  /// Of a segment whose summaries tell of all its records within `times`, these are read in place
  /// of the records. Absent: records are read.
  std::function<void(input_summary&)> summary = {};
  summary_times times = {};
};

/// Reads all files of a walk, of segments what `parts` says. Throws what the callbacks throw, and
/// std::bad_alloc. `workers`: threads, at least 1. Each holds a few hundred records at most.
void read_in_order(const std::vector<std::string>& paths, const walk_options& walk,
                   const part_options& parts, const reader_options& reader, unsigned workers,
                   csv_counts& counts, const reading_calls& calls);

}  // namespace tcpinfo::offline

#endif
