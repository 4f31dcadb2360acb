// SPDX-License-Identifier: Apache-2.0
//
// Segments into archives, one for each connection.
#ifndef TCPINFO_OFFLINE_COMMANDS_UNPACK_COMMAND_H
#define TCPINFO_OFFLINE_COMMANDS_UNPACK_COMMAND_H

#include <cstdint>
#include <string>
#include <vector>

#include "offline/commands/commands.h"
#include "offline/inputs/inputs.h"
#include "offline/text/output.h"

namespace tcpinfo::offline {

struct unpack_options {
  std::vector<std::string> paths;
  std::string output;    ///< folder for the archives; made where it is missing
  bool partial = false;  ///< archives of segments that are not complete get their names, too
  std::int32_t max_window_log = usual_window_log;
  bool progress = false;  ///< on standard error, for work of more than a second
  bool verbose = false;   ///< tell each of many faults of a kind
  bool quiet = false;     ///< no counts
};
/// tcpinfo-dump unpack
[[nodiscard]] int unpack_segments(output& out, const unpack_options& options, const say& complain);

}  // namespace tcpinfo::offline

#endif
