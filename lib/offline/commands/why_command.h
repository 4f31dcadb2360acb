// SPDX-License-Identifier: Apache-2.0
//
// Why connections were slow (tcpinfo-dump why).
#ifndef TCPINFO_OFFLINE_COMMANDS_WHY_COMMAND_H
#define TCPINFO_OFFLINE_COMMANDS_WHY_COMMAND_H

#include <cstddef>
#include <string>
#include <vector>

#include "offline/commands/commands.h"
#include "offline/flows/why_print.h"
#include "offline/text/output.h"

namespace tcpinfo::offline {

struct why_options {
  std::vector<std::string> paths;
  flow_reading_options reading;
  std::size_t limit = 0;  ///< so many connections; 0: all
  why_print_options print;
};

/// tcpinfo-dump why
[[nodiscard]] int tell_why(output& out, const why_options& options, const say& complain);

}  // namespace tcpinfo::offline

#endif
