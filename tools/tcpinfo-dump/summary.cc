// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "offline/commands/summary_command.h"
#include "offline/filters/filter_flags.h"
#include "tcpinfo-dump/command_line.h"
#include "tcpinfo-dump/verbs.h"

namespace tcpinfo::tools {

using offline::bad_value;

int dump_summary(std::vector<std::string> arguments) {
  CLI::App app("Distributions over connections: of all, and by port, network and more.",
               "tcpinfo-dump summary");
  prepare(app);
  offline::summary_options o;
  reading_flags reading;
  std::vector<std::string> by;
  bool json = false;
  bool html = false;
  app.add_option("PATH", o.paths, paths_help);
  CLI::Option* as_json = app.add_flag("--json", json, "one JSON object a line");
  app.add_flag("--html", html, "one page of HTML, on standard output")->excludes(as_json);
  offline::add_list(app, "--by", by,
                    "group by port, prefix, as, cc, cgroup, process, hour, minute, closed, cause; "
                    "default: by all but minute");
  app.add_option("--asn", o.as_file, "routing table of pyasn or iptoasn, to group by as")
      ->type_name("FILE");
  app.add_option("--limit", o.limit, "groups of a table, hours and minutes apart; 0 = all")
      ->type_name("N")
      ->check(refuse_uncounted)
      ->capture_default_str();
  app.add_flag("--why", o.why, "read records, and look for what limited each connection");
  reading.declare(app);
  return run(app, arguments, [&] {
    refuse_terminal(o.paths);
    for (const std::string& list : by)
      if (const std::string wrong = offline::parse_group_keys(list, o.by); !wrong.empty())
        throw bad_value(fmt::format("--by: {}", wrong));
    o.reading = reading.options();
    if (json) o.format = offline::summary_format::json;
    if (html) o.format = offline::summary_format::html;
    offline::output out(STDOUT_FILENO);
    return offline::summarize_flows(out, o, complain);
  });
}

}  // namespace tcpinfo::tools
