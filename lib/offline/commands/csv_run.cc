// SPDX-License-Identifier: Apache-2.0
#include "offline/commands/csv_run.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <cerrno>
#include <exception>
#include <new>
#include <optional>
#include <system_error>
#include <thread>

#include "common/message_of.h"
#include "offline/commands/csv_connections.h"
#include "offline/commands/csv_grid.h"
#include "offline/commands/csv_worker.h"
#include "offline/commands/replaced_input.h"
#include "offline/filters/passed_over.h"
#include "offline/filters/unmet.h"
#include "offline/tables/mlab_csv.h"

namespace tcpinfo::offline {
namespace {

constexpr std::string_view program = "tcpinfo-csv";
// Of a segment, for one thread: some ten thousand records of busy connections.
constexpr std::uint32_t part_bytes = std::uint32_t{64} << 10;

std::string name_of(const std::string& output) {
  return output.empty() ? "standard output" : output;
}

void work(csv_shared& shared) {
  try {
    csv_worker(shared).run();
  } catch (const std::exception& e) {
    shared.lost = shared.aborted = true;
    shared.progress.say(fmt::format("{}: {}", program, e.what()));
    shared.turns.stop();
  }
}

// All workers but this thread. Fewer than wanted is no trouble: one can do it all.
void work_in_parallel(csv_shared& shared) {
  std::vector<std::thread> others;
  for (unsigned i = 1; i < shared.options.workers; ++i) {
    try {
      others.emplace_back([&shared] { work(shared); });
    } catch (const std::system_error&) {
      break;
    }
  }
  work(shared);
  for (std::thread& t : others) t.join();
}

// Whether records are those of connections, which captures may be of, too.
bool is_of_connections(const csv_options& options) {
  return options.connections || options.grid_ns != 0;
}

// The compatible table has a row for each metadata record, whatever the filters say.
walk_options files_of(const csv_options& options, csv_counts& counts) {
  walk_options walk =
      options.mlab ? walk_options()
                   : wanted_files(options.filter, is_of_connections(options), &counts.unread);
  walk.max_window_log = options.max_window_log;
  return walk;
}

std::string header_of(const csv_options& options) {
  if (options.mlab) return std::string(mlab_csv::header());
  if (options.grid_ns != 0) return grid_header(options.grid_table);
  return options.connections ? connection_header(options.connection_table)
                             : table_header(options.table);
}

// The last row groups are made here. @return what is wrong that the target does not know; empty
// where nothing is.
std::string finish(parquet_output& parquet) {
  try {
    static_cast<void>(parquet.finish());
  } catch (const std::exception& e) {
    return e.what();
  }
  return parquet.error();
}

// Why no folder can be there; 0 where it is, or may be made. A link may lead to one.
int why_no_folder(const std::string& path) {
  struct stat there {};
  if (stat(path.c_str(), &there) == 0) return S_ISDIR(there.st_mode) ? 0 : ENOTDIR;
  return errno == ENOENT ? 0 : errno;
}

table_description description_of(const csv_options& options) {
  if (options.grid_ns != 0) return describe_grid(options.grid_table.columns);
  return options.connections
             ? describe_connections(options.connection_table.columns, time_style::utc)
             : describe(options.table.columns, time_style::utc);
}

// The compatible table has a row for each metadata record, wherever it is.
part_options parts_of(const csv_options& options, csv_counts& counts) {
  part_options parts;
  if (options.mlab) return parts;
  parts = wanted_parts(options.filter, &counts.unread);
  // What is known of connections in one part of a file is not known in the next one.
  if (options.filter.every_ns == 0 && !options.filter.by_ends()) parts.most_bytes = part_bytes;
  return parts;
}

// Writes a row a record. @return as write_connections() does.
rows_written write_records(const csv_options& options, const walk_options& wanted,
                           csv_target& target, parquet_output* parquet, csv_progress& progress,
                           csv_counts& counts) {
  // The walk's faults wait for their turn, which is that of the file after them.
  csv_shared* all = nullptr;
  input_walk walk(options.paths, wanted, [&](const input_fault& f) {
    return all->turns.wait(all->turns.next_number()) && all->tell(f);
  });
  part_walk parts(walk, parts_of(options, counts));
  csv_turns turns([&](input_part& part) { return parts.next(part); });
  csv_shared shared{options, target, turns, progress, counts, {}, {}, parquet};
  all = &shared;
  work_in_parallel(shared);
  return {shared.lost, shared.aborted};
}

}  // namespace

csv_status run_csv(const csv_options& options) {
  csv_counts counts;
  const walk_options wanted = files_of(options, counts);
  csv_progress progress(counts, options.paths, wanted, options.progress,
                        is_of_connections(options) ? "records" : "rows");
  csv_target target;
  if (const std::string* path = replaced_input(options.output, options.paths)) {
    progress.say(fmt::format("{}: --output: {} is one of the files to read", program, *path));
    return csv_status::usage;
  }
  // The files of partitions are opened as rows come.
  const bool one_file = options.partition.empty();
  if (const int error = one_file ? target.open(options.output) : why_no_folder(options.output)) {
    progress.say(fmt::format("{}: {}: {}", program, name_of(options.output), message_of(error)));
    return csv_status::usage;
  }
  std::optional<parquet_output> parquet;
  if (options.parquet)
    parquet.emplace(description_of(options), target, one_file ? std::string() : options.output);

  rows_written done;
  if (parquet || target.write(header_of(options))) {
    const auto write = options.grid_ns != 0  ? write_grid
                       : options.connections ? write_connections
                                             : write_records;
    done = write(options, wanted, target, parquet ? &*parquet : nullptr, progress, counts);
  }

  progress.stop();
  const bool cut_short = done.aborted || (done.lost && options.strict);
  const auto complain = [&](std::string_view line) {
    progress.say(fmt::format("{}: {}", program, line));
  };
  if (!cut_short && !target.closed() &&
      tell_unmet_or_none(options.filter, {counts.seen, counts.passed}, counts.unread, complain))
    done.lost = true;
  if (target.closed()) return done.lost ? csv_status::trouble : csv_status::done;
  // What is not whole, or what --strict refused, gets no name.
  if (parquet) {
    const std::string fault = cut_short ? parquet->error() : finish(*parquet);
    if (!fault.empty()) {
      progress.say(fmt::format("{}: {}", program, fault));
      return csv_status::trouble;
    }
  }
  if (const int error = cut_short ? target.error() : target.finish()) {
    progress.say(fmt::format("{}: {}: {}", program, name_of(options.output), message_of(error)));
    return csv_status::trouble;
  }
  return done.lost ? csv_status::trouble : csv_status::done;
}

}  // namespace tcpinfo::offline
