// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <string>
#include <vector>

#include "offline/commands/top_command.h"
#include "offline/filters/filter_flags.h"
#include "offline/live/control_groups.h"
#include "tcpinfo-dump/command_line.h"
#include "tcpinfo-dump/curses_terminal.h"
#include "tcpinfo-dump/interfaces.h"
#include "tcpinfo-dump/verbs.h"
#include "text/values.h"

namespace tcpinfo::tools {

using offline::bad_value;

namespace {

bool is_on_terminal() { return isatty(STDIN_FILENO) != 0 && isatty(STDOUT_FILENO) != 0; }

}  // namespace

int dump_top(std::vector<std::string> arguments) {
  CLI::App app("The connections of this machine now, those that do most first.",
               "tcpinfo-dump top");
  prepare(app);
  offline::top_options o;
  offline::filter_flags filter;
  std::string interval = "1s";
  std::string order = "rate";
  bool plain = false;
  bool owners = false;
  offline::control_groups groups;
  app.add_option("--sort", order, "rate, sent, received, retransmitted, rtt, cause or owner")
      ->type_name("BY")
      ->capture_default_str();
  app.add_flag("--owner", owners, "whose they are: a column of control groups");
  app.add_flag("-r,--reverse", o.reversed, "the smallest first");
  app.add_option("--interval", interval, "between two looks at the kernel")
      ->type_name("DURATION")
      ->capture_default_str();
  app.add_option("--rounds", o.rounds, "end after so many tables, 0 = never")
      ->type_name("N")
      ->check(refuse_uncounted)
      ->capture_default_str();
  app.add_option("--limit", o.limit, "rows of a table in plain text, 0 = all")
      ->type_name("N")
      ->check(refuse_uncounted)
      ->capture_default_str();
  CLI::Option* const as_tables =
      app.add_flag("--plain", plain, "a table each time, on a terminal, too");
  app.add_option("--socket", o.socket,
                 "a collector's --query-socket, for the past of a connection that is opened")
      ->type_name("PATH")
      ->excludes(as_tables);
  offline::declare_of_connections(app, filter);
  return run(app, arguments, [&] {
    const interfaces names;
    o.filter = offline::to_filter_options(
        filter, [&names](const std::string& name) { return names.index(name); });
    if (!offline::parse_top_order(order, o.order))
      throw bad_value(fmt::format(
          "--sort: '{}' is none of rate, sent, received, retransmitted, rtt, cause, owner", order));
    if (owners || o.order == offline::top_order::owner)
      o.owner = [&groups](const message& m) { return groups.owner_of(m); };
    const auto ns = tcpinfo::text::parse_duration(interval);
    if (!ns || *ns < 100'000'000)
      throw bad_value(fmt::format(
          "--interval: '{}' is no duration of at least 100ms (examples: 500ms, 2s)", interval));
    o.interval_ns = *ns;
    std::unique_ptr<offline::terminal> on;
    if (!plain && is_on_terminal()) {
      std::string why;
      on = open_terminal(why);
      if (!on) complain(why + ": a table each time");
    }
    offline::output out(STDOUT_FILENO);
    return offline::run_top(out, on.get(), o, complain);
  });
}

}  // namespace tcpinfo::tools
