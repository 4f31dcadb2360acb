// SPDX-License-Identifier: Apache-2.0
//
// Many archives into few segments.
#ifndef TCPINFO_OFFLINE_COMMANDS_PACK_COMMAND_H
#define TCPINFO_OFFLINE_COMMANDS_PACK_COMMAND_H

#include <cstdint>
#include <string>
#include <vector>

#include "offline/commands/commands.h"
#include "offline/inputs/inputs.h"
#include "offline/text/output.h"

namespace tcpinfo::offline {

struct pack_options {
  std::vector<std::string> paths;
  std::string output;      ///< folder for the segments; made where it is missing
  bool replace = false;    ///< remove archives that were packed and compared
  std::int32_t level = 7;  ///< of zstd
  std::uint64_t segment_bytes = std::uint64_t{256} << 20;  ///< of a segment, at most
  std::int32_t max_window_log = usual_window_log;
  bool progress = false;  ///< on standard error, for work of more than a second
  bool verbose = false;   ///< tell each of many faults of a kind
  bool quiet = false;     ///< no counts
};
/// tcpinfo-dump pack
[[nodiscard]] int pack_archives(output& out, const pack_options& options, const say& complain);

}  // namespace tcpinfo::offline

#endif
