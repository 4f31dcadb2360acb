// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "offline/commands/commands.h"
#include "offline/commands/window_flag.h"
#include "offline/filters/filter_flags.h"
#include "tcpinfo-dump/command_line.h"
#include "tcpinfo-dump/verbs.h"

namespace tcpinfo::tools {

int dump_files(std::vector<std::string> arguments) {
  CLI::App app(
      "Prints what was recorded of TCP connections, in the words of ss.\n"
      "  tcpinfo-dump ls      one line a connection\n"
      "  tcpinfo-dump follow  what a collector writes now\n"
      "  tcpinfo-dump get     the records of one connection\n"
      "  tcpinfo-dump ask     the latest records of one, from a running collector\n"
      "  tcpinfo-dump live    the same text straight from the kernel\n"
      "  tcpinfo-dump top     who is slow, or busy, now\n"
      "  tcpinfo-dump verify  whether archives are whole and consistent\n"
      "  tcpinfo-dump why     why connections were slow\n"
      "  tcpinfo-dump plot    connections over time, as a page of HTML\n"
      "  tcpinfo-dump summary distributions over connections\n"
      "  tcpinfo-dump compare connections before and after a change\n"
      "  tcpinfo-dump pack    many archives into few segments\n"
      "  tcpinfo-dump unpack  segments into archives\n"
      "  tcpinfo-dump erase   archives without the connections of a network\n"
      "each with its own --help.",
      "tcpinfo-dump");
  prepare(app);
  offline::print_options o;
  std::string max_window;
  offline::filter_flags filter;
  print_flags flags;
  app.add_option("FILE", o.paths, paths_help);
  flags.declare(app);
  offline::declare_max_window(app, max_window);
  app.add_flag("-v,--verbose", o.verbose, verbose_help);
  offline::declare(app, filter);
  return run(app, arguments, [&] {
    refuse_terminal(o.paths);
    o.max_window_log = offline::window_log_of(max_window);
    o.filter = offline::to_filter_options(filter);
    o.print = flags.options();
    offline::output out(STDOUT_FILENO);
    return offline::print_files(out, o, complain);
  });
}

}  // namespace tcpinfo::tools
