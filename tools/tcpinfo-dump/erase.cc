// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <string>
#include <vector>

#include "offline/commands/erase_command.h"
#include "offline/commands/window_flag.h"
#include "offline/filters/filter_flags.h"
#include "tcpinfo-dump/command_line.h"
#include "tcpinfo-dump/verbs.h"
#include "text/values.h"

namespace tcpinfo::tools {

using offline::bad_value;

int dump_erase(std::vector<std::string> arguments) {
  CLI::App app("Erases the connections of networks from archives and segments.",
               "tcpinfo-dump erase");
  prepare(app);
  offline::erase_options o;
  std::vector<std::string> hosts;
  std::string max_window;
  bool no_progress = false;
  app.add_option("PATH", o.paths, "archives, segments and directories of them");
  offline::add_list(app, "--host", hosts, "addresses or prefixes at either end");
  app.add_flag("-n,--dry-run", o.dry_run, "change nothing, tell what would be erased");
  app.add_flag("-q,--quiet", o.quiet, "faults only, no counts");
  app.add_flag("--no-progress", no_progress, "no progress on a terminal");
  offline::declare_max_window(app, max_window);
  app.add_flag("-v,--verbose", o.verbose, verbose_help);
  return run(app, arguments, [&] {
    for (const std::string& list : hosts)
      if (const std::string wrong = text::parse_prefixes(list, o.networks); !wrong.empty())
        throw bad_value(fmt::format("--host: {}", wrong));
    if (o.networks.empty()) throw bad_value("--host is missing (see --help)");
    if (o.paths.empty()) throw bad_value("no file and no directory named (see --help)");
    if (std::find(o.paths.begin(), o.paths.end(), "-") != o.paths.end())
      throw bad_value("standard input is no file to erase from");
    o.max_window_log = offline::window_log_of(max_window);
    o.progress = isatty(STDERR_FILENO) != 0 && !no_progress;
    offline::output out(STDOUT_FILENO);
    return offline::erase_connections(out, o, complain);
  });
}

}  // namespace tcpinfo::tools
