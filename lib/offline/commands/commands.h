// SPDX-License-Identifier: Apache-2.0
//
// What tcpinfo-dump does, apart from reading its flags. Each answers with the exit status.
#ifndef TCPINFO_OFFLINE_COMMANDS_COMMANDS_H
#define TCPINFO_OFFLINE_COMMANDS_COMMANDS_H

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "offline/commands/print_command.h"
#include "offline/filters/filters.h"
#include "offline/flows/flow_conditions.h"
#include "offline/flows/flow_print.h"
#include "offline/text/output.h"

namespace tcpinfo::offline {

inline constexpr int exit_done = 0;
inline constexpr int exit_trouble = 1;  ///< the data or the system went wrong
inline constexpr int exit_usage = 2;    ///< the command line cannot be obeyed

/// Says one line to the person: on standard error.
using say = std::function<void(std::string_view)>;

/// How commands read connections (flow_reading.h).
struct flow_reading_options {
  filter_options filter;
  std::int32_t max_window_log = usual_window_log;
  unsigned workers = 1;
  bool progress = false;  ///< on standard error, for work of more than a second
  bool verbose = false;   ///< tell each of many faults of a kind
};

struct list_options {
  std::vector<std::string> paths;
  flow_reading_options reading;
  bool exact = false;                 ///< read records, also where there are summaries
  bool why = false;                   ///< the same, and find out what limited each connection
  bool notes = false;                 ///< say also what is no fault: columns left out
  std::vector<flow_condition> where;  ///< connections that meet all of these alone
  flow_print_options print;
};
/// tcpinfo-dump ls
[[nodiscard]] int list_flows(output& out, const list_options& options, const say& complain);

struct print_options {
  std::vector<std::string> paths;
  filter_options filter;
  std::int32_t max_window_log = usual_window_log;
  bool verbose = false;  ///< tell each of many faults of a kind
  snapshot_print_options print;
};
/// tcpinfo-dump FILE…
[[nodiscard]] int print_files(output& out, const print_options& options, const say& complain);

struct verify_options {
  std::vector<std::string> paths;
  std::int32_t max_window_log = usual_window_log;
  bool verbose = false;  ///< tell each of many faults of a kind
  bool quiet = false;    ///< findings only, no counts
};
/// tcpinfo-dump verify
[[nodiscard]] int verify_files(output& out, const verify_options& options, const say& complain);

struct live_options {
  filter_options filter;
  snapshot_print_options print;
  std::int64_t interval_ns = 0;  ///< 0: once
  std::uint64_t reps = 0;        ///< how often; 0: until interrupted
  bool listeners = false;        ///< also sockets that are no connections
};
/// tcpinfo-dump live
[[nodiscard]] int print_live(output& out, const live_options& options, const say& complain);

/// The exit status after all output: a reader that went away is no trouble.
[[nodiscard]] int end_status(output& out, bool trouble, const say& complain);

}  // namespace tcpinfo::offline

#endif
