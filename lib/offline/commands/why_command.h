// SPDX-License-Identifier: Apache-2.0
//
// Why connections were slow (tcpinfo-dump why).
#ifndef TCPINFO_OFFLINE_COMMANDS_WHY_COMMAND_H
#define TCPINFO_OFFLINE_COMMANDS_WHY_COMMAND_H

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "offline/commands/commands.h"
#include "offline/filters/filters.h"
#include "offline/flows/why_print.h"
#include "offline/text/output.h"

namespace tcpinfo::offline {

struct why_options {
  std::vector<std::string> paths;
  filter_options filter;
  std::int32_t max_window_log = usual_window_log;
  unsigned workers = 1;
  std::size_t limit = 0;  ///< so many connections; 0: all
  bool progress = false;  ///< on standard error, for work of more than a second
  bool verbose = false;   ///< tell each of many faults of a kind
  why_print_options print;
};

/// tcpinfo-dump why
[[nodiscard]] int tell_why(output& out, const why_options& options, const say& complain);

}  // namespace tcpinfo::offline

#endif
