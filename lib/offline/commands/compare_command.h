// SPDX-License-Identifier: Apache-2.0
//
// Connections before and after a change (tcpinfo-dump compare).
#ifndef TCPINFO_OFFLINE_COMMANDS_COMPARE_COMMAND_H
#define TCPINFO_OFFLINE_COMMANDS_COMPARE_COMMAND_H

#include <string>

#include "analysis/statistics/bootstrap.h"
#include "offline/commands/commands.h"
#include "offline/commands/flow_reading.h"
#include "offline/text/output.h"

namespace tcpinfo::offline {

struct compare_options {
  std::string path_a;
  std::string path_b;
  flow_reading_options reading;
  bool why = false;     ///< read records, also where there are summaries, and look for causes
  std::string as_file;  ///< a routing table; empty: none
  analysis::statistics::bootstrap_options draws;
  bool json = false;
};

/// tcpinfo-dump compare
[[nodiscard]] int compare_flows(output& out, const compare_options& options, const say& complain);

}  // namespace tcpinfo::offline

#endif
