// SPDX-License-Identifier: Apache-2.0
#include "offline/commands/csv_connections.h"

#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <utility>

#include "offline/commands/ordered_reading.h"
#include "offline/filters/passed_over.h"
#include "offline/flows/flow_list.h"

namespace tcpinfo::offline {
namespace {

// What has the last state asked for, in the order of first sight and then of UUIDs.
std::vector<flow_summary*> rows_of(flow_list& list, const record_filter& filter) {
  // Times beside each other: what they are of is far apart.
  std::vector<std::pair<packed_time, flow_summary*>> found;
  for (flow_summary* f : list.flows())
    if (filter.wants_state(f->state())) found.emplace_back(f->first_seen_at(), f);
  const auto is_before = [](const auto& a, const auto& b) { return a.first < b.first; };
  if (!std::is_sorted(found.begin(), found.end(), is_before))
    std::stable_sort(found.begin(), found.end(), is_before);
  std::vector<flow_summary*> rows;
  rows.reserve(found.size());
  for (const auto& [time, flow] : found) rows.push_back(flow);
  return rows;
}

// Both: @return false where there is no use in going on.
bool write_text(const std::vector<flow_summary*>& rows, const csv_options& options, why_list* why,
                csv_target& target) {
  std::string text;
  for (flow_summary* f : rows) {
    append_connection(text, *f, options.connection_table, why);
    if (text.size() < csv_portion) continue;
    if (!target.write(text)) return false;
    text.clear();
  }
  return target.write(text);
}

bool write_parquet(const std::vector<flow_summary*>& rows, const csv_options& options,
                   why_list* why, parquet_output& parquet) {
  constexpr std::size_t batch_rows = 4096;
  partition_namer namer(options.partition);
  partitioned_rows batches(parquet.columns());
  std::size_t batched = 0;
  for (flow_summary* f : rows) {
    append_connection(batches.of(namer.name_of(f->first_seen(), f->host())), *f,
                      options.connection_table, why);
    if (++batched < batch_rows) continue;
    if (!parquet.append(batches)) return false;
    batches.clear();
    batched = 0;
  }
  return parquet.append(batches);
}

}  // namespace

rows_written write_connections(const csv_options& options, const walk_options& walk,
                               csv_target& target, parquet_output* parquet, csv_progress& progress,
                               csv_counts& counts) {
  rows_written done;
  flow_list list(options.exact ? flow_list::rtts::exact : flow_list::rtts::bounded);
  why_list why;
  record_filter filter(options.filter);
  const auto on_fault = [&](const input_fault& f) {
    if (!f.note) done.lost = true;
    progress.say(to_string(f));
    if (!f.note && options.strict) throw stop_reading();
    return true;
  };
  try {
    reading_calls calls{[&](input_record& r) {
                          const flow_summary* flow = list.add(r, filter.wants_in_any_state(r));
                          if (options.why && flow != nullptr) why.add(*flow, r);
                        },
                        on_fault};
    if (!options.exact && !options.why && wants_all_connections(options.filter)) {
      calls.summary = [&](input_summary& s) {
        counts.seen += s.of.records().snapshots();
        list.add(s);
      };
      calls.times = {options.filter.since, options.filter.until};
    }
    read_in_order(
        options.paths, walk, wanted_parts(options.filter, &counts.unread),
        {.captures = true, .max_window_log = options.max_window_log, .all_faults = options.verbose},
        options.workers, counts, calls);
    why_list* const examined = options.why ? &why : nullptr;
    const std::vector<flow_summary*> rows = rows_of(list, filter);
    counts.seen += filter.counts().seen;
    if (!rows.empty()) counts.passed += list.snapshots();
    const bool written = parquet != nullptr ? write_parquet(rows, options, examined, *parquet)
                                            : write_text(rows, options, examined, target);
    if (written && why.late() != 0) {
      done.lost = true;
      progress.say(late_records(why.late()));
    }
  } catch (const stop_reading&) {
    done.aborted = true;
  } catch (const std::exception& e) {
    done.lost = done.aborted = true;
    progress.say(fmt::format("tcpinfo-csv: {}", e.what()));
  }
  return done;
}

}  // namespace tcpinfo::offline
