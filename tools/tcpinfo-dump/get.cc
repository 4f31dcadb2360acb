// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "offline/commands/get_command.h"
#include "offline/commands/window_flag.h"
#include "offline/filters/filter_flags.h"
#include "tcpinfo-dump/command_line.h"
#include "tcpinfo-dump/connection_argument.h"
#include "tcpinfo-dump/named_connection.h"
#include "tcpinfo-dump/verbs.h"

namespace tcpinfo::tools {

int dump_get(std::vector<std::string> arguments) {
  CLI::App app("The records of one connection, out of all files.", "tcpinfo-dump get");
  prepare(app);
  offline::get_options o;
  std::string max_window;
  std::vector<std::string> named;
  offline::filter_flags times;
  print_flags flags;
  bool text = false;
  app.add_option("CONNECTION PATH", named,
                 "UUID, cookie (decimal, 0x… or 16 hexadecimal digits), or both ends "
                 "(ADDRESS:PORT-ADDRESS:PORT, or as ss prints them); then files and directories");
  CLI::Option* as_text = app.add_flag("--text", text, "in the words of ss, not as JSON lines");
  flags.declare(app);
  for (const char* flag : {"--changes", "--zeros"}) app.get_option(flag)->needs(as_text);
  app.get_option("--json")->excludes(as_text);
  offline::declare_times(app, times);
  offline::declare_max_window(app, max_window);
  app.add_flag("-v,--verbose", o.verbose, verbose_help);
  return run(app, arguments, [&] {
    o.connection = take_connection(named);
    need_path(named, o.connection.text);
    std::vector<offline::connection_name> more;
    sort_arguments(named, more, o.paths);
    if (!more.empty())
      throw offline::bad_value(
          fmt::format("'{}' is a second connection: one is printed", more.front().text));
    o.max_window_log = offline::window_log_of(max_window);
    const offline::filter_options filter = offline::to_filter_options(times);
    o.since = filter.since;
    o.until = filter.until;
    if (text || flags.json)
      o.print = flags.options();
    else if (app.count("--time") != 0)
      throw offline::bad_value(
          "--time goes with --text or --json: lines of archives stay as they are");
    offline::output out(STDOUT_FILENO);
    return offline::get_connection(out, o, complain);
  });
}

}  // namespace tcpinfo::tools
