// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstddef>
#include <string>
#include <vector>

#include "offline/commands/plot_command.h"
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
  reading_flags reading;
  std::vector<std::string> named;
  app.add_option("PATH|CONNECTION", named, named_or_paths_help);
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
  reading.declare(app);
  return run(app, arguments, [&] {
    sort_arguments(named, reading.filter.named, o.paths);
    refuse_terminal(o.paths);
    if (o.output == "-") o.output.clear();
    if (o.output.empty() && isatty(STDOUT_FILENO) != 0)
      throw offline::bad_value("a page of HTML is nothing for a terminal: -o FILE");
    if (o.points < offline::plot_rows::least_rows)
      throw offline::bad_value(
          fmt::format("--points: {} are fewer than {}", o.points, offline::plot_rows::least_rows));
    o.reading = reading.options();
    return offline::plot_flows(o, complain);
  });
}

}  // namespace tcpinfo::tools
