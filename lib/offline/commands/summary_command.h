// SPDX-License-Identifier: Apache-2.0
//
// Distributions over connections (tcpinfo-dump summary).
#ifndef TCPINFO_OFFLINE_COMMANDS_SUMMARY_COMMAND_H
#define TCPINFO_OFFLINE_COMMANDS_SUMMARY_COMMAND_H

#include <cstddef>
#include <string>
#include <vector>

#include "offline/commands/commands.h"
#include "offline/commands/flow_reading.h"
#include "offline/networks/as_table.h"
#include "offline/summaries/group_key.h"
#include "offline/text/output.h"

namespace tcpinfo::offline {

enum class summary_format : std::uint8_t { text, json, html };

struct summary_options {
  std::vector<std::string> paths;
  flow_reading_options reading;
  bool why = false;           ///< read records, also where there are summaries, and look for causes
  std::vector<group_key> by;  ///< empty: all but minutes of which there is something to say
  std::size_t limit = 10;     ///< groups of a table, hours and minutes apart; 0: all
  std::string as_file;        ///< a routing table; empty: none
  summary_format format = summary_format::text;
};

/// tcpinfo-dump summary
[[nodiscard]] int summarize_flows(output& out, const summary_options& options, const say& complain);

/// Reads a routing table; no path, none. @return the exit status; exit_usage where the file cannot
/// be opened, exit_trouble where something in it was bad and all else was taken. Both were said.
[[nodiscard]] int read_networks(const std::string& path, as_table& to, const say& complain);

}  // namespace tcpinfo::offline

#endif
