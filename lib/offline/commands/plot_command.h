// SPDX-License-Identifier: Apache-2.0
//
// Connections over time, as a page (tcpinfo-dump plot).
#ifndef TCPINFO_OFFLINE_COMMANDS_PLOT_COMMAND_H
#define TCPINFO_OFFLINE_COMMANDS_PLOT_COMMAND_H

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "offline/commands/commands.h"
#include "offline/filters/filters.h"

namespace tcpinfo::offline {

struct plot_options {
  std::vector<std::string> paths;
  std::string output;  ///< empty: standard output
  filter_options filter;
  std::int32_t max_window_log = usual_window_log;
  unsigned workers = 1;
  std::size_t limit = 8;         ///< so many connections, those read first; 0: all
  std::size_t points = 100'000;  ///< so many of each at most, from plot_rows::least_rows up
  bool progress = false;         ///< on standard error, for work of more than a second
  bool verbose = false;          ///< tell each of many faults of a kind
};

/// tcpinfo-dump plot
[[nodiscard]] int plot_flows(const plot_options& options, const say& complain);

}  // namespace tcpinfo::offline

#endif
