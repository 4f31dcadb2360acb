// SPDX-License-Identifier: Apache-2.0
#include "offline/commands/flow_reading.h"

#include "offline/commands/csv_progress.h"
#include "offline/commands/ordered_reading.h"
#include "offline/filters/passed_over.h"
#include "offline/inputs/inputs.h"

namespace tcpinfo::offline {

void read_all_flows(const std::vector<std::string>& paths, const flow_reading_options& options,
                    const say& complain, read_flows& to) {
  record_filter filter(options.filter);
  walk_options walk = wanted_files(options.filter, true);
  walk.max_window_log = options.max_window_log;
  {
    csv_counts counts;
    csv_progress progress(counts, paths, walk, options.progress, "records");
    reading_calls calls{[&](input_record& r) {
                          const flow_summary* flow = to.list.add(r, filter.wants_in_any_state(r));
                          if (options.why && flow != nullptr) to.why.add(*flow, r);
                        },
                        [&](const input_fault& f) {
                          if (!f.note) to.trouble = true;
                          progress.aside([&] { complain(to_string(f)); });
                          return true;
                        }};
    if (!options.why && wants_all_connections(options.filter)) {
      calls.summary = [&](input_summary& s) { to.list.add(s); };
      calls.times = {options.filter.since, options.filter.until};
    }
    read_in_order(
        paths, walk, wanted_parts(options.filter),
        {.captures = true, .max_window_log = options.max_window_log, .all_faults = options.verbose},
        options.workers, counts, calls);
  }
  for (flow_summary* f : to.list.flows())
    if (filter.wants_state(f->state())) to.wanted.push_back(f);
  if (to.why.late() != 0) {
    complain(late_records(to.why.late()));
    to.trouble = true;
  }
}

}  // namespace tcpinfo::offline
