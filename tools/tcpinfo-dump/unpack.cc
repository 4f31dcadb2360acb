// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "offline/commands/unpack_command.h"
#include "offline/commands/window_flag.h"
#include "offline/filters/filter_flags.h"
#include "tcpinfo-dump/command_line.h"
#include "tcpinfo-dump/verbs.h"

namespace tcpinfo::tools {

using offline::bad_value;

int dump_unpack(std::vector<std::string> arguments) {
  CLI::App app("Unpacks segments into archives, one for each connection.", "tcpinfo-dump unpack");
  prepare(app);
  offline::unpack_options o;
  std::string max_window;
  bool no_progress = false;
  app.add_option("PATH", o.paths, "segments and directories of segments");
  app.add_option("-o,--output", o.output, "directory for the archives")->type_name("DIR");
  app.add_flag("--partial", o.partial,
               "archives of segments that end in .part get their names, too");
  app.add_flag("-q,--quiet", o.quiet, "faults only, no counts");
  app.add_flag("--no-progress", no_progress, "no progress on a terminal");
  offline::declare_max_window(app, max_window);
  app.add_flag("-v,--verbose", o.verbose, verbose_help);
  return run(app, arguments, [&] {
    if (o.paths.empty()) throw bad_value("no segment and no directory named (see --help)");
    if (o.output.empty()) throw bad_value("--output is missing (see --help)");
    o.max_window_log = offline::window_log_of(max_window);
    o.progress = isatty(STDERR_FILENO) != 0 && !no_progress;
    offline::output out(STDOUT_FILENO);
    return offline::unpack_segments(out, o, complain);
  });
}

}  // namespace tcpinfo::tools
