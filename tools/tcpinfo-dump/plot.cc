// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "offline/commands/jobs_flag.h"
#include "offline/commands/plot_command.h"
#include "offline/commands/window_flag.h"
#include "offline/filters/filter_flags.h"
#include "offline/plotting/plot_rows.h"
#include "tcpinfo-dump/command_line.h"
#include "tcpinfo-dump/named_connection.h"
#include "tcpinfo-dump/verbs.h"

namespace tcpinfo::tools {

int dump_plot(std::vector<std::string> arguments) {
  CLI::App app("Connections over time, as one page of HTML that needs nothing else.",
               "tcpinfo-dump plot");
  prepare(app);
  offline::plot_options o;
  std::string max_window;
  offline::filter_flags filter;
  std::vector<std::string> named;
  std::string jobs = "1";
  bool no_progress = false;
  app.add_option("PATH|UUID", named,
                 "files and directories, and UUIDs of connections to be drawn alone; - or no path: "
                 "standard input");
  app.add_option("-o,--output", o.output, "file for the page; standard output without it")
      ->type_name("FILE");
  app.add_option("--limit", o.limit, "only so many connections, the first ones; 0 = all")
      ->type_name("N")
      ->check(refuse_uncounted)
      ->capture_default_str();
  app.add_option("--points", o.points,
                 "so many records of each connection at most; of more, those with the least and "
                 "the largest values")
      ->type_name("N")
      ->check(refuse_uncounted)
      ->capture_default_str();
  offline::declare_jobs(app, jobs);
  app.add_flag("--no-progress", no_progress, "no progress on a terminal");
  offline::declare_max_window(app, max_window);
  app.add_flag("-v,--verbose", o.verbose, verbose_help);
  offline::declare(app, filter, false);
  return run(app, arguments, [&] {
    for (std::string& name : named)
      (names_connection(name) ? filter.uuid : o.paths).push_back(std::move(name));
    refuse_terminal(o.paths);
    if (o.output == "-") o.output.clear();
    if (o.output.empty() && isatty(STDOUT_FILENO) != 0)
      throw offline::bad_value("a page of HTML is nothing for a terminal: -o FILE");
    if (o.points < offline::plot_rows::least_rows)
      throw offline::bad_value(
          fmt::format("--points: {} are fewer than {}", o.points, offline::plot_rows::least_rows));
    o.max_window_log = offline::window_log_of(max_window);
    o.filter = offline::to_filter_options(filter);
    o.workers = offline::workers_of(jobs);
    o.progress = isatty(STDERR_FILENO) != 0 && !no_progress;
    return offline::plot_flows(o, complain);
  });
}

}  // namespace tcpinfo::tools
