// SPDX-License-Identifier: Apache-2.0
#include "offline/commands/ask_command.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "offline/filters/filter_flags.h"
#include "tcpinfo-dump/command_line.h"
#include "tcpinfo-dump/connection_argument.h"
#include "tcpinfo-dump/verbs.h"

namespace tcpinfo::tools {

int dump_ask(std::vector<std::string> arguments) {
  CLI::App app("The latest records of one connection, from a running collector.",
               "tcpinfo-dump ask");
  prepare(app);
  offline::ask_options o;
  std::vector<std::string> named;
  print_flags flags;
  bool text = false;
  app.add_option("CONNECTION", named,
                 "UUID, cookie (decimal, 0x… or 16 hexadecimal digits), or both ends "
                 "(ADDRESS:PORT-ADDRESS:PORT, or as ss prints them)");
  app.add_option("--socket", o.socket, "the collector's --query-socket")
      ->type_name("PATH")
      ->capture_default_str();
  CLI::Option* as_text = app.add_flag("--text", text, "in the words of ss, not as JSON lines");
  flags.declare(app);
  for (const char* flag : {"--changes", "--zeros"}) app.get_option(flag)->needs(as_text);
  app.get_option("--json")->excludes(as_text);
  return run(app, arguments, [&] {
    o.connection = take_connection(named);
    if (!named.empty())
      throw offline::bad_value("one connection is asked for at a time: '" + named.front() +
                               "' is one too many");
    if (text || flags.json)
      o.print = flags.options();
    else if (app.count("--time") != 0)
      throw offline::bad_value(
          "--time goes with --text or --json: lines of archives stay as they are");
    offline::output out(STDOUT_FILENO);
    return offline::ask_for_connection(out, o, complain);
  });
}

}  // namespace tcpinfo::tools
