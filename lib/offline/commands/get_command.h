// SPDX-License-Identifier: Apache-2.0
//
// The records of one connection out of anything (tcpinfo-dump get).
#ifndef TCPINFO_OFFLINE_COMMANDS_GET_COMMAND_H
#define TCPINFO_OFFLINE_COMMANDS_GET_COMMAND_H

#include <tcpinfo/archive.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "offline/commands/commands.h"
#include "offline/commands/print_command.h"
#include "offline/filters/wanted_connection.h"
#include "offline/text/output.h"

namespace tcpinfo::offline {

struct get_options {
  connection_name connection;
  std::vector<std::string> paths;
  std::optional<timestamp> since = {};  ///< this moment and later
  std::optional<timestamp> until = {};  ///< before this moment
  std::int32_t max_window_log = usual_window_log;
  bool verbose = false;  ///< tell each of many faults of a kind
  /// How records are printed; nullopt: as lines of archives, metadata records among them.
  std::optional<snapshot_print_options> print = {};
};

/// tcpinfo-dump get
[[nodiscard]] int get_connection(output& out, const get_options& options, const say& complain);

}  // namespace tcpinfo::offline

#endif
