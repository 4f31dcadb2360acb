// SPDX-License-Identifier: Apache-2.0
#include "offline/commands/flow_reading.h"

#include <algorithm>

#include "offline/commands/csv_progress.h"
#include "offline/commands/ordered_reading.h"
#include "offline/filters/passed_over.h"

namespace tcpinfo::offline {

bool read_flow_records(const std::vector<std::string>& paths, const flow_reading_options& options,
                       const flow_calls& calls, const say& complain, std::atomic<bool>* passed) {
  bool trouble = false;
  walk_options walk = wanted_files(options.filter, true, passed);
  walk.max_window_log = options.max_window_log;
  csv_counts counts;
  csv_progress progress(counts, paths, walk, options.progress, "records");
  reading_calls all{calls.record, [&](const input_fault& f) {
                      if (!f.note) trouble = true;
                      progress.aside([&] { complain(to_string(f)); });
                      return true;
                    }};
  if (calls.summary && wants_all_connections(options.filter)) {
    all.summary = calls.summary;
    all.times = {options.filter.since, options.filter.until};
  }
  read_in_order(
      paths, walk, wanted_parts(options.filter, passed),
      {.captures = true, .max_window_log = options.max_window_log, .all_faults = options.verbose},
      options.workers, counts, all);
  return trouble;
}

void read_all_flows(const std::vector<std::string>& paths, const flow_reading_options& options,
                    flow_details details, const say& complain, read_flows& to) {
  record_filter filter(options.filter);
  std::atomic<bool> passed{false};
  flow_calls calls{[&](input_record& r) {
    const flow_summary* flow = to.list.add(r, filter.wants_in_any_state(r));
    if (details == flow_details::causes && flow != nullptr) to.why.add(*flow, r);
  }};
  std::uint64_t summarized = 0;
  if (details == flow_details::none)
    calls.summary = [&](input_summary& s) {
      summarized += s.of.records().snapshots();
      to.list.add(s);
    };
  to.trouble = read_flow_records(paths, options, calls, complain, &passed);
  to.unread = passed;
  if (passed) to.list.some_passed_over();
  for (flow_summary* f : to.list.flows())
    if (filter.wants_state(f->state())) to.wanted.push_back(f);
  to.counts = filter.counts();
  to.counts.seen += summarized;
  to.counts.passed = to.wanted.empty() ? 0 : to.counts.passed + summarized;
}

bool tell_late(const why_list& why, const say& complain) {
  if (why.late() == 0) return false;
  complain(late_records(why.late()));
  return true;
}

void sort_by_start(std::vector<flow_summary*>& flows) {
  std::stable_sort(flows.begin(), flows.end(), [](const flow_summary* a, const flow_summary* b) {
    return packed_time(a->start()) < packed_time(b->start());
  });
}

}  // namespace tcpinfo::offline
