// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "offline/commands/commands.h"
#include "offline/filters/filter_flags.h"
#include "offline/flows/flow_conditions.h"
#include "offline/flows/flow_print.h"
#include "offline/inputs/now.h"
#include "tcpinfo-dump/command_line.h"
#include "tcpinfo-dump/verbs.h"

namespace tcpinfo::tools {

using offline::bad_value;

int dump_ls(std::vector<std::string> arguments) {
  CLI::App app("One line a connection, all its files taken together.", "tcpinfo-dump ls");
  prepare(app);
  offline::list_options o;
  reading_flags reading;
  std::vector<std::string> columns;
  std::vector<std::string> where;
  std::string sort;
  std::string time = "utc";
  std::string colour = "auto";
  bool json = false;
  bool csv = false;
  app.add_option("PATH", o.paths, paths_help);
  CLI::Option* as_json = app.add_flag("--json", json, "one JSON object a line");
  app.add_flag("--csv", csv, "comma-separated values with a header")->excludes(as_json);
  offline::add_list(app, "--columns", columns,
                    "columns to print, in that order, named as by --json; * ? [...] match names");
  app.add_option("--where", where,
                 "only connections whose value is so: COLUMN = != < <= > >= VALUE, such as "
                 "median_rtt>20ms, sent>10MB, comm=nginx*; given again, all must hold")
      ->type_name("CONDITION")
      ->expected(1)
      ->allow_extra_args(false)  // what follows its value is a file
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  app.add_option("--sort", sort, "column to sort by, such as start, sent, median_rtt")
      ->type_name("COLUMN");
  app.add_flag("-r,--reverse", o.print.reverse, "the largest first");
  app.add_option("--limit", o.print.limit, "only so many lines, the first ones; 0 = all")
      ->type_name("N")
      ->check(refuse_uncounted)
      ->capture_default_str();
  app.add_flag("--exact", o.exact, "read records, also where a segment has summaries of them");
  app.add_flag("--why", o.why, "read records to find out for WHY what limited each connection");
  declare_time(app, time);
  declare_colour(app, colour);
  reading.declare(app);
  return run(app, arguments, [&] {
    refuse_terminal(o.paths);
    o.reading = reading.options();
    o.print.time = time_style_of(time);
    if (json) o.print.format = offline::flow_format::json;
    if (csv) o.print.format = offline::flow_format::csv;
    if (!sort.empty()) {
      o.print.sort = offline::find_flow_column(sort);
      if (!o.print.sort)
        throw bad_value(fmt::format("--sort: '{}' is none of the columns: {}", sort,
                                    offline::flow_column_names()));
    }
    const tcpinfo::timestamp here =
        tcpinfo::timestamp::from_unix_nanoseconds(offline::realtime_now_ns());
    for (const std::string& condition : where)
      if (const std::string wrong =
              offline::parse_flow_condition(condition, here, o.where.emplace_back());
          !wrong.empty())
        throw bad_value(fmt::format("--where: {}", wrong));
    for (const std::string& list : columns)
      if (const std::string wrong = offline::pick_flow_columns(list, o.print.columns);
          !wrong.empty())
        throw bad_value(fmt::format("--columns: {}", wrong));
    o.print.colour = colour_of(colour);
    if (isatty(STDOUT_FILENO) != 0) o.print.width = offline::terminal_width(STDOUT_FILENO);
    o.notes = isatty(STDERR_FILENO) != 0;
    offline::output out(STDOUT_FILENO);
    return offline::list_flows(out, o, complain);
  });
}

}  // namespace tcpinfo::tools
