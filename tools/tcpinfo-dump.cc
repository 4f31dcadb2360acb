// SPDX-License-Identifier: Apache-2.0
//
// tcpinfo-dump: looks inside what was recorded. Picks the verb; the work is done by lib/offline.
#include <signal.h>

#include <exception>
#include <string>
#include <utility>
#include <vector>

#include "offline/commands/commands.h"
#include "tcpinfo-dump/command_line.h"
#include "tcpinfo-dump/verbs.h"
#include "text/standard_output.h"

int main(int argc, char** argv) {
  namespace tools = tcpinfo::tools;
  tcpinfo::text::hold_standard_descriptors();
  // A reader that goes away shows as EPIPE, and is no trouble; a limit of file sizes as EFBIG.
  signal(SIGPIPE, SIG_IGN);
  signal(SIGXFSZ, SIG_IGN);
  std::vector<std::string> arguments(argv + 1, argv + argc);
  const std::string command = arguments.empty() ? "" : arguments.front();
  const auto rest = [&arguments] {
    arguments.erase(arguments.begin());
    return std::move(arguments);
  };
  try {
    if (command == "ask") return tools::dump_ask(rest());
    if (command == "compare") return tools::dump_compare(rest());
    if (command == "erase") return tools::dump_erase(rest());
    if (command == "follow") return tools::dump_follow(rest());
    if (command == "get") return tools::dump_get(rest());
    if (command == "ls") return tools::dump_ls(rest());
    if (command == "live") return tools::dump_live(rest());
    if (command == "pack") return tools::dump_pack(rest());
    if (command == "plot") return tools::dump_plot(rest());
    if (command == "summary") return tools::dump_summary(rest());
    if (command == "top") return tools::dump_top(rest());
    if (command == "unpack") return tools::dump_unpack(rest());
    if (command == "verify") return tools::dump_verify(rest());
    if (command == "why") return tools::dump_why(rest());
    return tools::dump_files(std::move(arguments));
  } catch (const std::exception& e) {  // out of memory, above all
    tools::complain(e.what());
    return tcpinfo::offline::exit_trouble;
  }
}
