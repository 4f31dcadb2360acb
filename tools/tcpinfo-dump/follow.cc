// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "offline/commands/follow_command.h"
#include "offline/commands/window_flag.h"
#include "offline/filters/filter_flags.h"
#include "tcpinfo-dump/command_line.h"
#include "tcpinfo-dump/verbs.h"
#include "text/values.h"

namespace tcpinfo::tools {

using offline::bad_value;

int dump_follow(std::vector<std::string> arguments) {
  CLI::App app("Prints what a collector records, as it writes it.", "tcpinfo-dump follow");
  prepare(app);
  offline::follow_options o;
  std::string max_window;
  std::string duration;
  offline::filter_flags filter;
  print_flags flags;
  app.add_option("DIR", o.folder, "a collector's output directory, or one in it")->required();
  app.add_flag("--from-start", o.reading.from_start, "first all that is there");
  app.add_option("--duration", duration, "end after this time")->type_name("DURATION");
  flags.declare(app);
  offline::declare_max_window(app, max_window);
  app.add_flag("-v,--verbose", o.reading.all_faults, verbose_help);
  offline::declare(app, filter, false);
  return run(app, arguments, [&] {
    o.reading.max_window_log = offline::window_log_of(max_window);
    o.filter = offline::to_filter_options(filter);
    o.print = flags.options();
    if (!duration.empty()) {
      const auto ns = tcpinfo::text::parse_duration(duration);
      if (!ns || *ns == 0)
        throw bad_value(fmt::format(
            "--duration: '{}' is no duration above 0 (examples: 10s, 1m30s)", duration));
      o.duration_ns = *ns;
    }
    offline::output out(STDOUT_FILENO);
    return offline::follow_folder(out, STDOUT_FILENO, o, complain);
  });
}

}  // namespace tcpinfo::tools
