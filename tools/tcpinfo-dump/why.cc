// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <string>
#include <utility>
#include <vector>

#include "offline/commands/jobs_flag.h"
#include "offline/commands/why_command.h"
#include "offline/commands/window_flag.h"
#include "offline/filters/filter_flags.h"
#include "tcpinfo-dump/command_line.h"
#include "tcpinfo-dump/named_connection.h"
#include "tcpinfo-dump/verbs.h"

namespace tcpinfo::tools {
int dump_why(std::vector<std::string> arguments) {
  CLI::App app("Why connections were slow: causes, phases, evidence.", "tcpinfo-dump why");
  prepare(app);
  offline::why_options o;
  std::string max_window;
  offline::filter_flags filter;
  std::vector<std::string> named;
  std::string time = "utc";
  std::string colour = "auto";
  std::string jobs = "1";
  bool json = false;
  bool no_progress = false;
  app.add_option("PATH|UUID", named,
                 "files and directories, and UUIDs of connections to be told of alone; - or no "
                 "path: standard input");
  app.add_flag("--json", json, "one JSON object a line, for each connection and view");
  app.add_option("--limit", o.limit, "only so many connections, the first ones; 0 = all")
      ->type_name("N")
      ->check(refuse_uncounted)
      ->capture_default_str();
  declare_time(app, time);
  declare_colour(app, colour);
  offline::declare_jobs(app, jobs);
  app.add_flag("--no-progress", no_progress, "no progress on a terminal");
  offline::declare_max_window(app, max_window);
  app.add_flag("-v,--verbose", o.verbose, verbose_help);
  offline::declare(app, filter, false);
  return run(app, arguments, [&] {
    for (std::string& name : named)
      (names_connection(name) ? filter.uuid : o.paths).push_back(std::move(name));
    refuse_terminal(o.paths);
    o.max_window_log = offline::window_log_of(max_window);
    o.filter = offline::to_filter_options(filter);
    o.print.time = time_style_of(time);
    if (json) o.print.format = offline::why_format::json;
    o.print.colour = colour_of(colour);
    o.workers = offline::workers_of(jobs);
    o.progress = isatty(STDERR_FILENO) != 0 && !no_progress;
    offline::output out(STDOUT_FILENO);
    return offline::tell_why(out, o, complain);
  });
}

}  // namespace tcpinfo::tools
