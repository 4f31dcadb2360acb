// SPDX-License-Identifier: Apache-2.0
#include "offline/commands/why_command.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "offline/commands/csv_progress.h"
#include "offline/commands/ordered_reading.h"
#include "offline/filters/passed_over.h"
#include "offline/flows/flow_list.h"
#include "offline/flows/why_list.h"
#include "offline/inputs/inputs.h"

namespace tcpinfo::offline {
namespace {

// As `ls` does: by first sight.
std::vector<flow_summary*> in_order(flow_list& list, const record_filter& filter) {
  std::vector<flow_summary*> flows = list.flows();
  std::erase_if(flows, [&](const flow_summary* f) { return !filter.wants_state(f->state()); });
  std::stable_sort(flows.begin(), flows.end(), [](const flow_summary* a, const flow_summary* b) {
    return packed_time(a->start()) < packed_time(b->start());
  });
  return flows;
}

}  // namespace

int tell_why(output& out, const why_options& options, const say& complain) {
  bool trouble = false;
  flow_list list(flow_list::rtts::bounded);
  why_list why;
  record_filter filter(options.filter);
  walk_options walk = wanted_files(options.filter, true);
  walk.max_window_log = options.max_window_log;
  {
    csv_counts counts;
    csv_progress progress(counts, options.paths, walk, options.progress, "records");
    const reading_calls calls{[&](input_record& r) {
                                const bool wanted = filter.wants_in_any_state(r);
                                const flow_summary* flow = list.add(r, wanted);
                                if (flow != nullptr) why.add(*flow, r);
                              },
                              [&](const input_fault& f) {
                                if (!f.note) trouble = true;
                                progress.aside([&] { complain(to_string(f)); });
                                return true;
                              }};
    read_in_order(
        options.paths, walk, wanted_parts(options.filter),
        {.captures = true, .max_window_log = options.max_window_log, .all_faults = options.verbose},
        options.workers, counts, calls);
  }
  std::vector<flow_summary*> flows = in_order(list, filter);
  if (options.limit != 0 && flows.size() > options.limit) flows.resize(options.limit);
  std::uint64_t untold = 0;
  for (const flow_summary* f : flows) {
    const why_verdicts& verdicts = why.of(*f);
    if (verdicts.empty()) ++untold;
    append_verdicts(out.buffer(), *f, verdicts, options.print);
    if (!out.written()) break;
  }
  if (!out.closed()) {
    out.flush();  // on a terminal both come in order
    if (untold != 0)
      complain(
          fmt::format("{} connections have no record with counters and a time: nothing is "
                      "told of them",
                      untold));
    if (why.late() != 0) {
      complain(late_records(why.late()));
      trouble = true;
    }
    if (tell_unmet(options.filter.uuids, complain)) trouble = true;
  }
  return end_status(out, trouble, complain);
}

}  // namespace tcpinfo::offline
