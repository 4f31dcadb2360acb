// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "offline/commands/commands.h"
#include "offline/filters/filter_flags.h"
#include "tcpinfo-dump/command_line.h"
#include "tcpinfo-dump/interfaces.h"
#include "tcpinfo-dump/verbs.h"
#include "text/values.h"

namespace tcpinfo::tools {

using offline::bad_value;

int dump_live(std::vector<std::string> arguments) {
  CLI::App app("Prints what the kernel knows now of this machine's TCP connections.",
               "tcpinfo-dump live");
  prepare(app);
  offline::live_options o;
  offline::filter_flags filter;
  print_flags flags;
  std::string interval;
  CLI::Option* const again =
      app.add_option("--interval", interval, "again and again, with this time between")
          ->type_name("DURATION");
  app.add_option("--reps", o.reps, "so many times with --interval, 0 = until interrupted")
      ->type_name("N")
      ->check(refuse_uncounted)
      ->capture_default_str()
      ->needs(again);
  flags.declare(app);
  offline::declare_of_connections(app, filter);
  return run(app, arguments, [&] {
    const interfaces names;
    o.filter = offline::to_filter_options(
        filter, [&names](const std::string& name) { return names.index(name); });
    o.print = flags.options();
    if (!interval.empty()) {
      const auto ns = tcpinfo::text::parse_duration(interval);
      if (!ns || *ns < 1'000'000)
        throw bad_value(fmt::format(
            "--interval: '{}' is no duration of at least 1ms (examples: 100ms, 1s)", interval));
      o.interval_ns = *ns;
    }
    o.print.text.interface_name = [&names](std::uint32_t index) { return names.name(index); };
    offline::output out(STDOUT_FILENO);
    return offline::print_live(out, o, complain);
  });
}

}  // namespace tcpinfo::tools
