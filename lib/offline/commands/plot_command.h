// SPDX-License-Identifier: Apache-2.0
//
// Connections over time, as a page (tcpinfo-dump plot).
#ifndef TCPINFO_OFFLINE_COMMANDS_PLOT_COMMAND_H
#define TCPINFO_OFFLINE_COMMANDS_PLOT_COMMAND_H

#include <cstddef>
#include <string>
#include <vector>

#include "offline/commands/commands.h"

namespace tcpinfo::offline {

struct plot_options {
  std::vector<std::string> paths;
  std::string output;  ///< empty: standard output
  flow_reading_options reading;
  std::size_t limit = 8;         ///< so many connections, those read first; 0: all
  std::size_t points = 100'000;  ///< so many of each at most, from plot_rows::least_rows up
};

/// tcpinfo-dump plot
[[nodiscard]] int plot_flows(const plot_options& options, const say& complain);

}  // namespace tcpinfo::offline

#endif
