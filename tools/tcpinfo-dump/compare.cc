// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "offline/commands/compare_command.h"
#include "offline/commands/jobs_flag.h"
#include "offline/commands/window_flag.h"
#include "offline/filters/filter_flags.h"
#include "tcpinfo-dump/command_line.h"
#include "tcpinfo-dump/verbs.h"

namespace tcpinfo::tools {

int dump_compare(std::vector<std::string> arguments) {
  CLI::App app("How connections of B differ from those of A, with intervals.",
               "tcpinfo-dump compare");
  prepare(app);
  offline::compare_options o;
  std::string max_window;
  offline::filter_flags filter;
  std::string jobs = "1";
  bool no_progress = false;
  app.add_option("A", o.path_a, "file or directory, such as of the time before a change")
      ->required();
  app.add_option("B", o.path_b, "another one, such as of the time after it")->required();
  app.add_flag("--json", o.json, "one JSON object a line");
  app.add_option("--asn", o.as_file,
                 "routing table of pyasn or iptoasn: connections depend on each other by network")
      ->type_name("FILE");
  app.add_option("--seed", o.draws.seed, "of the draws; the same gives the same intervals")
      ->type_name("N")
      ->check(refuse_uncounted)
      ->capture_default_str();
  app.add_flag("--why", o.reading.why, "read records, and compare what limited connections");
  offline::declare_jobs(app, jobs);
  app.add_flag("--no-progress", no_progress, "no progress on a terminal");
  offline::declare_max_window(app, max_window);
  app.add_flag("-v,--verbose", o.reading.verbose, verbose_help);
  offline::declare(app, filter, false);
  return run(app, arguments, [&] {
    o.reading.max_window_log = offline::window_log_of(max_window);
    o.reading.filter = offline::to_filter_options(filter);
    o.reading.workers = offline::workers_of(jobs);
    o.reading.progress = isatty(STDERR_FILENO) != 0 && !no_progress;
    offline::output out(STDOUT_FILENO);
    return offline::compare_flows(out, o, complain);
  });
}

}  // namespace tcpinfo::tools
