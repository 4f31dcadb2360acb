// SPDX-License-Identifier: Apache-2.0
//
// Reads connections as wholes, for commands that list, explain, draw or count them.
#ifndef TCPINFO_OFFLINE_COMMANDS_FLOW_READING_H
#define TCPINFO_OFFLINE_COMMANDS_FLOW_READING_H

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "offline/commands/commands.h"
#include "offline/filters/filters.h"
#include "offline/flows/flow_list.h"
#include "offline/flows/why_list.h"
#include "offline/inputs/inputs.h"

namespace tcpinfo::offline {

/// What is done with what was read, as reading_calls.
struct flow_calls {
  std::function<void(input_record&)> record;
  /// Absent: records are read everywhere. Else summaries take their place where they suffice and
  /// no filter asks for some connections alone.
  std::function<void(input_summary&)> summary = {};
};

/// Reads all of `paths`. Faults go to `complain`. `passed` is set where files were passed over
/// unread, for all that could be wanted is outside the times of the filter; it may be null.
/// @return whether there was a fault.
[[nodiscard]] bool read_flow_records(const std::vector<std::string>& paths,
                                     const flow_reading_options& options, const flow_calls& calls,
                                     const say& complain, std::atomic<bool>* passed = nullptr);

/// What was read. The lists refer to one another: it stays in place.
struct read_flows {
  explicit read_flows(flow_list::rtts keep = flow_list::rtts::bounded) : list(keep) {}

  flow_list list;
  why_list why;
  std::vector<flow_summary*> wanted;  ///< whose last state is wanted
  bool trouble = false;
  filter_counts counts;  ///< nothing passed where no connection is wanted
  bool unread = false;   ///< files, or parts of them, were passed over by the filters
};

/// What is read beside what summaries tell.
enum class flow_details : std::uint8_t {
  none,     ///< of segments summaries alone where they suffice
  records,  ///< records everywhere
  causes,   ///< the same, and what limited each connection
};

/// Reads all of `paths`. Faults go to `complain`.
void read_all_flows(const std::vector<std::string>& paths, const flow_reading_options& options,
                    flow_details details, const say& complain, read_flows& to);

/// Says that records were too late to be told a cause by. @return whether some were.
[[nodiscard]] bool tell_late(const why_list& why, const say& complain);

/// As `ls` lists them: by first sight.
void sort_by_start(std::vector<flow_summary*>& flows);

}  // namespace tcpinfo::offline

#endif
