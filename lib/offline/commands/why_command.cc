// SPDX-License-Identifier: Apache-2.0
#include "offline/commands/why_command.h"

#include <fmt/format.h>

#include <vector>

#include "offline/commands/flow_reading.h"
#include "offline/filters/unmet.h"

namespace tcpinfo::offline {

int tell_why(output& out, const why_options& options, const say& complain) {
  read_flows read;
  read_all_flows(options.paths, options.reading, flow_details::causes, complain, read);
  std::vector<flow_summary*>& flows = read.wanted;
  sort_by_start(flows);
  if (options.limit != 0 && flows.size() > options.limit) flows.resize(options.limit);
  std::uint64_t untold = 0;
  for (const flow_summary* f : flows) {
    const why_verdicts& verdicts = read.why.of(*f);
    if (verdicts.empty()) ++untold;
    append_verdicts(out.buffer(), *f, verdicts, options.print);
    if (!out.written()) break;
  }
  bool trouble = read.trouble;
  if (!out.closed()) {
    out.flush();  // on a terminal both come in order
    if (untold != 0)
      complain(
          fmt::format("{} connections have no record with counters and a time: nothing is "
                      "told of them",
                      untold));
    if (tell_late(read.why, complain)) trouble = true;
    if (tell_unmet_or_none(options.reading.filter, read.counts, read.unread, complain))
      trouble = true;
  }
  return end_status(out, trouble, complain);
}

}  // namespace tcpinfo::offline
