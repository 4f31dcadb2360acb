// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "offline/commands/compare_command.h"
#include "tcpinfo-dump/command_line.h"
#include "tcpinfo-dump/verbs.h"

namespace tcpinfo::tools {

int dump_compare(std::vector<std::string> arguments) {
  CLI::App app("How connections of B differ from those of A, with intervals.",
               "tcpinfo-dump compare");
  prepare(app);
  offline::compare_options o;
  reading_flags reading;
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
  app.add_flag("--why", o.why, "read records, and compare what limited connections");
  reading.declare(app);
  return run(app, arguments, [&] {
    o.reading = reading.options();
    offline::output out(STDOUT_FILENO);
    return offline::compare_flows(out, o, complain);
  });
}

}  // namespace tcpinfo::tools
