// SPDX-License-Identifier: Apache-2.0
//
// tcpinfo-csv: archives in, tables out. Flags and main; the work is done by lib/offline.
#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <tcpinfo/version.h>
#include <CLI/CLI.hpp>
#include <cstdio>
#include <sstream>
#include <string>
#include <vector>

#include "common/message_of.h"
#include "offline/commands/csv_run.h"
#include "offline/commands/jobs_flag.h"
#include "offline/commands/window_flag.h"
#include "offline/filters/filter_flags.h"
#include "offline/tables/connection_table.h"
#include "offline/tables/grid_table.h"
#include "offline/tables/table_columns.h"
#include "offline/tables/table_ddl.h"
#include "text/escape.h"
#include "text/standard_output.h"
#include "text/values.h"

namespace {

namespace offline = tcpinfo::offline;
using offline::bad_value;

// The flags as they were typed.
struct flags {
  std::vector<std::string> paths;
  std::string output;
  std::vector<std::string> columns;
  std::string format = "csv";
  std::string compat;
  std::string grid;
  std::string ddl;
  std::string time = "utc";
  std::string sentinels = "empty";
  std::string jobs = "1";
  std::string max_window;
  std::string partition;
  offline::filter_flags filter;
  bool connections = false;
  bool exact = false;
  bool why = false;
  bool list_columns = false;
  bool strict = false;
  bool verbose = false;
  bool no_progress = false;
};

void complain(std::string_view line) {
  const std::string text = fmt::format("tcpinfo-csv: {}\n", tcpinfo::text::escaped(line));
  std::fwrite(text.data(), 1, text.size(), stderr);
}

void declare(CLI::App& app, flags& f) {
  app.option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  app.set_version_flag("--version", "tcpinfo-csv " + std::string(tcpinfo::version_string()));
  app.add_option("PATH", f.paths, "archives, and directories of them; - or none: standard input");
  app.add_option("-o,--output", f.output,
                 "file for the table, or directory for partitions; it appears when it is whole")
      ->type_name("FILE");
  app.add_flag("--connections", f.connections, "one row a connection, all its files together");
  app.add_flag("--exact", f.exact,
               "of --connections: read records, also where a segment has summaries of them; exact "
               "quantiles of round-trip times, in more memory");
  app.add_flag("--why", f.why,
               "of --connections: read records to find out what limited each connection");
  app.add_option("--grid", f.grid,
                 "rows at fixed times, so far apart: last values, and growth of counters")
      ->type_name("STEP");
  app.add_option("--format", f.format, "csv, tsv, jsonl or parquet")
      ->type_name("FORMAT")
      ->capture_default_str();
  app.add_option("--partition", f.partition,
                 "of Parquet: a file for each date, hour and host, below the directory of --output")
      ->type_name("KEYS");
  offline::add_list(app, "--columns", f.columns,
                    "columns to print, in that order; * ? [...] match names");
  app.add_flag("--list-columns", f.list_columns,
               "print name, type, unit, first kernel and meaning of each column, and end");
  app.add_option("--ddl", f.ddl,
                 "print the SQL that makes the table (" + offline::database_names() + "), and end")
      ->type_name("DATABASE");
  app.add_option("--time", f.time, "utc, as-is or epoch")
      ->type_name("STYLE")
      ->capture_default_str();
  app.add_option("--sentinels", f.sentinels,
                 "numbers that mean 'never measured' or 'unlimited': empty or keep")
      ->type_name("WHAT")
      ->capture_default_str();
  app.add_option("--compat", f.compat, "the table of another program, byte for byte: mlab")
      ->type_name("PROGRAM");
  offline::declare_jobs(app, f.jobs);
  offline::declare_max_window(app, f.max_window);
  app.add_flag("--strict", f.strict, "stop at the first thing that is lost");
  app.add_flag("-v,--verbose", f.verbose, "tell each fault, not ten of a kind and file");
  app.add_flag("--no-progress", f.no_progress, "no progress on a terminal");
  declare(app, f.filter);
}

offline::table_options to_table(const flags& f) {
  offline::table_options t;
  if (f.format == "csv")
    t.format = tcpinfo::row_format::csv;
  else if (f.format == "tsv")
    t.format = tcpinfo::row_format::tsv;
  else if (f.format == "jsonl")
    t.format = tcpinfo::row_format::json;
  else if (f.format != "parquet")
    throw bad_value(fmt::format("--format: '{}' is none of csv, tsv, jsonl, parquet", f.format));
  const auto time = offline::parse_time_style(f.time);
  if (!time) throw bad_value(fmt::format("--time: '{}' is none of utc, as-is, epoch", f.time));
  t.time = *time;
  if (f.sentinels != "empty" && f.sentinels != "keep")
    throw bad_value(fmt::format("--sentinels: '{}' is neither empty nor keep", f.sentinels));
  t.keep_sentinels = f.sentinels == "keep";
  if (f.connections || !f.grid.empty()) return t;
  if (f.columns.empty()) t.columns = offline::all_columns();
  for (const std::string& list : f.columns)
    if (const std::string wrong = offline::pick_columns(list, t.columns); !wrong.empty())
      throw bad_value(fmt::format("--columns: {}", wrong));
  return t;
}

// With the format and the times of the table of records.
offline::connection_table_options to_connection_table(const flags& f,
                                                      const offline::table_options& records) {
  offline::connection_table_options t;
  t.format = records.format;
  t.time = records.time;
  if (f.columns.empty()) t.columns = offline::all_connection_columns();
  for (const std::string& list : f.columns)
    if (const std::string wrong = offline::pick_connection_columns(list, t.columns); !wrong.empty())
      throw bad_value(fmt::format("--columns: {}", wrong));
  return t;
}

// Rows of connections have no sentinels, and are of all their records.
void check_connections(const CLI::App& app, const flags& f) {
  if (!f.connections && f.exact) throw bad_value("--exact goes with --connections");
  if (!f.connections && f.why) throw bad_value("--why goes with --connections");
  if (!f.connections) return;
  for (const char* name : {"--sentinels", "--every"})
    if (app.count(name) != 0)
      throw bad_value(fmt::format("{} does not go with --connections", name));
}

// Rows of the grid are of one connection each, too, and have no other times than the grid's.
offline::grid_table_options to_grid_table(const flags& f, const offline::table_options& records) {
  offline::grid_table_options t;
  t.format = records.format;
  if (f.columns.empty()) t.columns = offline::all_grid_columns();
  for (const std::string& list : f.columns)
    if (const std::string wrong = offline::pick_grid_columns(list, t.columns); !wrong.empty())
      throw bad_value(fmt::format("--columns: {}", wrong));
  return t;
}

std::int64_t grid_step_of(const CLI::App& app, const flags& f) {
  if (app.count("--grid") == 0) return 0;
  for (const char* name : {"--connections", "--exact", "--sentinels", "--every", "--time",
                           "--state", "--ddl", "--partition"})
    if (app.count(name) != 0) throw bad_value(fmt::format("{} does not go with --grid", name));
  const auto step = tcpinfo::text::parse_duration(f.grid);
  constexpr std::int64_t shortest = 1'000'000;
  constexpr std::int64_t longest = std::int64_t{366} * 86'400 * 1'000'000'000;
  if (!step || *step < shortest || *step > longest)
    throw bad_value(fmt::format("--grid: '{}' is no duration from 1ms to 366d", f.grid));
  return *step;
}

// The compatible table is what it is.
void check_compat(const CLI::App& app, const flags& f) {
  if (f.compat.empty()) return;
  if (f.compat != "mlab") throw bad_value(fmt::format("--compat: '{}' is not mlab", f.compat));
  for (const char* name : {"--connections", "--exact", "--grid", "--why", "--columns", "--format",
                           "--time", "--sentinels", "--list-columns", "--ddl", "--partition"})
    if (app.count(name) != 0) throw bad_value(fmt::format("{} does not go with --compat", name));
}

// What is typed has no style of times, and is no text.
void check_parquet(const CLI::App& app, const flags& f) {
  if (f.format != "parquet") {
    if (app.count("--partition") != 0) throw bad_value("--partition goes with --format parquet");
    return;
  }
  for (const char* name : {"--time", "--ddl"})
    if (app.count(name) != 0)
      throw bad_value(fmt::format("{} does not go with --format parquet", name));
  if (app.count("--partition") != 0 && f.output.empty())
    throw bad_value("--partition needs a directory (--output)");
  if (f.output.empty() && !f.list_columns && isatty(STDOUT_FILENO) != 0)
    throw bad_value("--format parquet: not to a terminal; give a file (--output)");
}

offline::csv_options to_options(const CLI::App& app, const flags& f) {
  check_compat(app, f);
  check_connections(app, f);
  check_parquet(app, f);
  for (const char* name : {"--output", "--compat", "--ddl", "--max-window", "--partition"})
    if (app.count(name) != 0 && app.get_option(name)->as<std::string>().empty())
      throw bad_value(fmt::format("{}: empty value", name));
  for (const char* name : {"--ddl", "--list-columns"})
    if (app.count(name) != 0 && app.count("--output") != 0)
      throw bad_value(fmt::format("{} prints to standard output, without --output", name));
  if (!f.ddl.empty() && !offline::find_database(f.ddl))
    throw bad_value(fmt::format("--ddl: '{}' is none of {}", f.ddl, offline::database_names()));
  offline::csv_options o;
  o.grid_ns = grid_step_of(app, f);
  o.paths = f.paths;
  o.output = f.output;
  o.parquet = f.format == "parquet";
  if (!f.partition.empty())
    if (const std::string wrong = offline::parse_partition(f.partition, o.partition);
        !wrong.empty())
      throw bad_value(fmt::format("--partition: {}", wrong));
  o.mlab = !f.compat.empty();
  o.table = to_table(f);
  o.connections = f.connections;
  if (f.connections) o.connection_table = to_connection_table(f, o.table);
  if (o.grid_ns != 0) o.grid_table = to_grid_table(f, o.table);
  o.exact = f.exact;
  o.why = f.why;
  o.filter = to_filter_options(f.filter);
  o.max_window_log = offline::window_log_of(f.max_window);
  o.workers = offline::workers_of(f.jobs);
  o.strict = f.strict;
  o.verbose = f.verbose;
  // Rows on the same terminal are progress enough.
  o.progress = !f.no_progress && isatty(STDERR_FILENO) != 0 &&
               (!f.output.empty() || isatty(STDOUT_FILENO) == 0);
  return o;
}

int print(std::string_view text) {
  const int error = tcpinfo::text::print(text);
  if (error == 0) return static_cast<int>(offline::csv_status::done);
  complain("standard output: " + tcpinfo::message_of(error));
  return static_cast<int>(offline::csv_status::trouble);
}

}  // namespace

int main(int argc, char** argv) {
  tcpinfo::text::hold_standard_descriptors();
  // A reader that goes away shows as EPIPE, and is no trouble; a limit of file sizes as EFBIG.
  signal(SIGPIPE, SIG_IGN);
  signal(SIGXFSZ, SIG_IGN);
  flags f;
  CLI::App app("Archives of TCP connections as a table: one row a record, or a connection.",
               "tcpinfo-csv");
  declare(app, f);
  offline::csv_options o;
  try {
    app.parse(argc, argv);
    o = to_options(app, f);
  } catch (const CLI::Success& done) {  // --help, --version
    std::ostringstream text;
    app.exit(done, text);
    return print(text.str());
  } catch (const CLI::ParseError& e) {
    complain(fmt::format("{} (see --help)", e.what()));
    return static_cast<int>(offline::csv_status::usage);
  } catch (const bad_value& e) {
    complain(e.what());
    return static_cast<int>(offline::csv_status::usage);
  }
  const offline::time_style style = o.table.time;
  const offline::table_description table =
      o.grid_ns != 0  ? offline::describe_grid(o.grid_table.columns)
      : o.connections ? offline::describe_connections(o.connection_table.columns, style)
                      : offline::describe(o.table.columns, style);
  if (f.list_columns) return print(offline::list_of(table));
  if (const auto database = offline::find_database(f.ddl))
    return print(offline::ddl_of(table, style, *database));
  return static_cast<int>(offline::run_csv(o));
}
