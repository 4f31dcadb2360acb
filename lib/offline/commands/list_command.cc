// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <atomic>
#include <system_error>

#include "offline/commands/commands.h"
#include "offline/commands/csv_progress.h"
#include "offline/commands/ordered_reading.h"
#include "offline/filters/passed_over.h"
#include "offline/inputs/inputs.h"

namespace tcpinfo::offline {

int end_status(output& out, bool trouble, const say& complain) {
  out.flush();
  if (out.error() != 0) {
    complain("standard output: " + std::generic_category().message(out.error()));
    return exit_trouble;
  }
  if (out.closed()) return exit_done;
  return trouble ? exit_trouble : exit_done;
}

int list_flows(output& out, const list_options& options, const say& complain) {
  bool trouble = false;
  flow_list list;
  why_list why;
  record_filter filter(options.filter);
  std::atomic<bool> passed{false};
  walk_options walk = wanted_files(options.filter, true, &passed);
  walk.max_window_log = options.max_window_log;
  {
    csv_counts counts;
    csv_progress progress(counts, options.paths, walk, options.progress, "records");
    const auto on_fault = [&](const input_fault& f) {
      if (!f.note) trouble = true;
      progress.aside([&] { complain(to_string(f)); });
      return true;
    };
    reading_calls calls{[&](input_record& r) {
                          const flow_summary* flow = list.add(r, filter.wants_in_any_state(r));
                          if (options.why && flow != nullptr) why.add(*flow, r);
                        },
                        on_fault};
    if (!options.exact && !options.why && wants_all_connections(options.filter) &&
        !needs_polls(options.print)) {
      calls.summary = [&](input_summary& s) { list.add(s); };
      calls.times = {options.filter.since, options.filter.until};
    }
    read_in_order(
        options.paths, walk, wanted_parts(options.filter, &passed),
        {.captures = true, .max_window_log = options.max_window_log, .all_faults = options.verbose},
        options.workers, counts, calls);
  }
  if (passed) list.some_passed_over();
  std::vector<flow_summary*> wanted;
  for (flow_summary* f : list.flows())
    if (filter.wants_state(f->state())) wanted.push_back(f);
  flow_print_options print = options.print;
  if (options.why) print.why = &why;
  const std::size_t left_out = print_flows(out, list, wanted, print);
  if (left_out != 0 && options.notes && out.flush())
    complain(fmt::format("{} columns do not fit this terminal: --columns shows them", left_out));
  if (!out.closed() && why.late() != 0) {
    complain(late_records(why.late()));
    trouble = true;
  }
  if (!out.closed() && tell_unmet(options.filter.uuids, complain)) trouble = true;
  return end_status(out, trouble, complain);
}

}  // namespace tcpinfo::offline
