// SPDX-License-Identifier: Apache-2.0
#include "offline/commands/compare_command.h"

#include "offline/commands/summary_command.h"
#include "offline/networks/as_table.h"
#include "offline/summaries/comparison.h"

namespace tcpinfo::offline {

int compare_flows(output& out, const compare_options& options, const say& complain) {
  as_table networks;
  bool trouble = false;
  if (!options.as_file.empty()) {
    const int status = read_networks(options.as_file, networks, complain);
    if (status == exit_usage) return status;
    trouble = status != exit_done;
  }
  // One side after the other: of the first nothing but its numbers is kept.
  const auto side_of = [&](const std::string& path) {
    read_flows flows;
    read_all_flows({path}, options.reading, complain, flows);
    trouble = trouble || flows.trouble;
    compared_side side;
    for (flow_summary* f : flows.wanted)
      side.add(facts_of(*f, options.reading.why ? &flows.why : nullptr),
               options.as_file.empty() ? nullptr : &networks);
    return side;
  };
  const compared_side a = side_of(options.path_a);
  const compared_side b = side_of(options.path_b);
  const comparison found = compare(a, b, options.draws);
  if (options.json)
    append_comparison_json(out.buffer(), found, options.draws);
  else
    append_comparison_text(out.buffer(), found, options.path_a, options.path_b, options.draws);
  out.flush();
  if (!out.closed() && tell_unmet(options.reading.filter.uuids, complain)) trouble = true;
  return end_status(out, trouble, complain);
}

}  // namespace tcpinfo::offline
