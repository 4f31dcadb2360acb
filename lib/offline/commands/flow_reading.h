// SPDX-License-Identifier: Apache-2.0
//
// Reads connections as wholes, for commands that count them.
#ifndef TCPINFO_OFFLINE_COMMANDS_FLOW_READING_H
#define TCPINFO_OFFLINE_COMMANDS_FLOW_READING_H

#include <cstdint>
#include <string>
#include <vector>

#include "offline/commands/commands.h"
#include "offline/filters/filters.h"
#include "offline/flows/flow_list.h"
#include "offline/flows/why_list.h"

namespace tcpinfo::offline {

struct flow_reading_options {
  filter_options filter;
  std::int32_t max_window_log = usual_window_log;
  unsigned workers = 1;
  bool why = false;       ///< read records, also where there are summaries, and look for causes
  bool progress = false;  ///< on standard error, for work of more than a second
  bool verbose = false;   ///< tell each of many faults of a kind
};

/// What was read. The lists refer to one another: it stays in place.
struct read_flows {
  flow_list list{flow_list::rtts::bounded};
  why_list why;
  std::vector<flow_summary*> wanted;  ///< whose last state is wanted
  bool trouble = false;
};

/// Reads all of `paths`, of segments summaries alone where they suffice. Faults go to `complain`.
void read_all_flows(const std::vector<std::string>& paths, const flow_reading_options& options,
                    const say& complain, read_flows& to);

}  // namespace tcpinfo::offline

#endif
