// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "offline/commands/commands.h"
#include "offline/commands/window_flag.h"
#include "tcpinfo-dump/command_line.h"
#include "tcpinfo-dump/verbs.h"

namespace tcpinfo::tools {

int dump_verify(std::vector<std::string> arguments) {
  CLI::App app("Says whether archives are whole and consistent.", "tcpinfo-dump verify");
  prepare(app);
  offline::verify_options o;
  std::string max_window;
  app.add_option("PATH", o.paths, paths_help);
  app.add_flag("-q,--quiet", o.quiet, "findings only, no counts");
  offline::declare_max_window(app, max_window);
  app.add_flag("-v,--verbose", o.verbose, verbose_help);
  return run(app, arguments, [&] {
    refuse_terminal(o.paths);
    o.max_window_log = offline::window_log_of(max_window);
    offline::output out(STDOUT_FILENO);
    return offline::verify_files(out, o, complain);
  });
}

}  // namespace tcpinfo::tools
