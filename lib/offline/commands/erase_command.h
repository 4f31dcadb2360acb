// SPDX-License-Identifier: Apache-2.0
//
// Archives and segments without the connections of networks.
#ifndef TCPINFO_OFFLINE_COMMANDS_ERASE_COMMAND_H
#define TCPINFO_OFFLINE_COMMANDS_ERASE_COMMAND_H

#include <tcpinfo/inetdiag.h>

#include <cstdint>
#include <string>
#include <vector>

#include "offline/commands/commands.h"
#include "offline/inputs/inputs.h"
#include "offline/text/output.h"

namespace tcpinfo::offline {

struct erase_options {
  std::vector<std::string> paths;
  std::vector<ip_prefix> networks;  ///< at either end; IPv4-mapped addresses are IPv4's
  bool dry_run = false;             ///< change nothing
  std::int32_t max_window_log = usual_window_log;
  bool progress = false;  ///< on standard error, for work of more than a second
  bool verbose = false;   ///< tell each of many faults of a kind
  bool quiet = false;     ///< no counts
};
/// tcpinfo-dump erase
[[nodiscard]] int erase_connections(output& out, const erase_options& options, const say& complain);

}  // namespace tcpinfo::offline

#endif
