// SPDX-License-Identifier: Apache-2.0
//
// The records that a collector writes now, printed (tcpinfo-dump follow).
#ifndef TCPINFO_OFFLINE_COMMANDS_FOLLOW_COMMAND_H
#define TCPINFO_OFFLINE_COMMANDS_FOLLOW_COMMAND_H

#include <cstdint>
#include <string>

#include "offline/commands/commands.h"
#include "offline/commands/print_command.h"
#include "offline/filters/filters.h"
#include "offline/inputs/following/follower.h"
#include "offline/text/output.h"

namespace tcpinfo::offline {

struct follow_options {
  std::string folder;
  follow_reading reading;
  filter_options filter;
  snapshot_print_options print;
  std::int64_t duration_ns = 0;  ///< 0: until interrupted
};

/// tcpinfo-dump follow. Takes SIGINT and SIGTERM for the end: call it before there are threads.
[[nodiscard]] int follow_folder(output& out, int out_descriptor, const follow_options& options,
                                const say& complain);

}  // namespace tcpinfo::offline

#endif
