// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "offline/commands/why_command.h"
#include "tcpinfo-dump/command_line.h"
#include "tcpinfo-dump/named_connection.h"
#include "tcpinfo-dump/verbs.h"

namespace tcpinfo::tools {
int dump_why(std::vector<std::string> arguments) {
  CLI::App app("Why connections were slow: causes, phases, evidence.", "tcpinfo-dump why");
  prepare(app);
  offline::why_options o;
  reading_flags reading;
  std::vector<std::string> named;
  std::string time = "utc";
  std::string colour = "auto";
  bool json = false;
  app.add_option("PATH|CONNECTION", named, named_or_paths_help);
  app.add_flag("--json", json, "one JSON object a line, for each connection and view");
  app.add_option("--limit", o.limit, "only so many connections, the first ones; 0 = all")
      ->type_name("N")
      ->check(refuse_uncounted)
      ->capture_default_str();
  declare_time(app, time);
  declare_colour(app, colour);
  reading.declare(app);
  return run(app, arguments, [&] {
    sort_arguments(named, reading.filter.named, o.paths);
    refuse_terminal(o.paths);
    o.reading = reading.options();
    o.print.time = time_style_of(time);
    if (json) o.print.format = offline::why_format::json;
    o.print.colour = colour_of(colour);
    offline::output out(STDOUT_FILENO);
    return offline::tell_why(out, o, complain);
  });
}

}  // namespace tcpinfo::tools
