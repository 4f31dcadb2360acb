// SPDX-License-Identifier: Apache-2.0
//
// The connections that there are now, sorted by what they do (tcpinfo-dump top).
#ifndef TCPINFO_OFFLINE_COMMANDS_TOP_COMMAND_H
#define TCPINFO_OFFLINE_COMMANDS_TOP_COMMAND_H

#include <cstddef>
#include <cstdint>
#include <string>

#include "offline/commands/commands.h"
#include "offline/filters/filters.h"
#include "offline/live/screen.h"
#include "offline/live/top_model.h"
#include "offline/text/output.h"

namespace tcpinfo::offline {

struct top_options {
  filter_options filter;
  std::int64_t interval_ns = 1'000'000'000;  ///< between two looks
  std::uint64_t rounds = 0;                  ///< how many tables or screens; 0: until it is ended
  std::size_t limit = 20;                    ///< rows of a table in plain text; 0: all
  top_order order = top_order::rate;
  bool reversed = false;
  std::string socket;  ///< of a collector, which knows the past of a connection; empty: none
  top_model::owner_finder owner = {};
};

/// `on`: the terminal to draw on; null: a table each interval, to `out`.
[[nodiscard]] int run_top(output& out, terminal* on, const top_options& options,
                          const say& complain);

}  // namespace tcpinfo::offline

#endif
