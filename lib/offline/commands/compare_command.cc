// SPDX-License-Identifier: Apache-2.0
#include "offline/commands/compare_command.h"

#include <fmt/format.h>

#include "offline/commands/summary_command.h"
#include "offline/filters/unmet.h"
#include "offline/networks/as_table.h"
#include "offline/summaries/comparison.h"

namespace tcpinfo::offline {

int compare_flows(output& out, const compare_options& options, const say& complain) {
  as_table networks;
  const int status = read_networks(options.as_file, networks, complain);
  if (status == exit_usage) return status;
  bool trouble = status != exit_done;
  // One side after the other: of the first nothing but its numbers is kept.
  filter_counts counts;
  bool unread = false;
  const auto side_of = [&](const std::string& path) {
    read_flows flows;
    read_all_flows({path}, options.reading, options.why ? flow_details::causes : flow_details::none,
                   complain, flows);
    if (tell_late(flows.why, complain) || flows.trouble) trouble = true;
    counts = flows.counts;
    unread = flows.unread;
    compared_side side;
    for (flow_summary* f : flows.wanted)
      side.add(facts_of(*f, options.why ? &flows.why : nullptr),
               options.as_file.empty() ? nullptr : &networks);
    return side;
  };
  // A table in which one side is empty looks like an answer.
  const auto refuse = [&](const std::string& path) {
    tell_none_passed(options.reading.filter, counts, unread, "record", complain);
    complain(fmt::format("{}: no connection to compare", path));
    return exit_trouble;
  };
  const compared_side a = side_of(options.path_a);
  if (a.size().observations == 0) return refuse(options.path_a);
  const compared_side b = side_of(options.path_b);
  if (b.size().observations == 0) return refuse(options.path_b);
  const comparison found = compare(a, b, options.draws);
  if (options.json)
    append_comparison_json(out.buffer(), found, options.draws);
  else
    append_comparison_text(out.buffer(), found, options.path_a, options.path_b, options.draws);
  out.flush();
  if (!out.closed() && tell_unmet(options.reading.filter, complain)) trouble = true;
  return end_status(out, trouble, complain);
}

}  // namespace tcpinfo::offline
