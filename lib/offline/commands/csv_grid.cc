// SPDX-License-Identifier: Apache-2.0
#include "offline/commands/csv_grid.h"

#include <fmt/format.h>

#include <cstdint>
#include <exception>
#include <limits>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "offline/commands/ordered_reading.h"
#include "offline/filters/passed_over.h"
#include "offline/flows/flow_list.h"
#include "offline/tables/grid_steps.h"
#include "offline/tables/grid_table.h"

namespace tcpinfo::offline {
namespace {

constexpr std::size_t grid_batch_rows = 4096;  // copied to a row group at once
const std::vector<parquet::column_spec> no_grid_columns;

class grid_writer {
 public:
  grid_writer(const csv_options& options, csv_target& target, parquet_output* parquet)
      : options_(options),
        target_(target),
        parquet_(parquet),
        batches_(parquet != nullptr ? parquet->columns() : no_grid_columns) {}

  void add(const flow_summary& flow, const input_record& r) {
    const auto ns = r.moment_ns();
    // There is no time for the step behind it where 64 bits end.
    if (!ns || *ns > std::numeric_limits<std::int64_t>::max() - options_.grid_ns) {
      ++untimed_;
      return;
    }
    const auto [at, is_new] = open_.try_emplace(&flow);
    if (is_new) at->second = std::make_unique<grid_steps>(options_.grid_ns);
    if (at->second == nullptr) {
      ++late_;
      return;
    }
    if (decoded_.decode(r.m, r.context->layout)) return;  // its reader refused it already
    uuid_ = flow.uuid();
    if (!at->second->add(decoded_, *ns, [this](const grid_step& s) { put(s); })) ++late_;
    decoded_.clear();
    if (r.m.state() == static_cast<std::uint8_t>(tcp_state::close)) end(flow, at->second);
  }
  void end(flow_list& list) {
    for (const flow_summary* flow : list.flows())
      if (const auto at = open_.find(flow); at != open_.end() && at->second) end(*flow, at->second);
    write();
  }
  /// Says what no row tells. @return whether there is anything.
  bool tell(csv_progress& progress) const {
    const auto say = [&progress](std::uint64_t n, std::string_view what) {
      if (n != 0) progress.say(fmt::format("tcpinfo-csv: {} {}", n, what));
      return n != 0;
    };
    const bool any = say(late_, "records came after later ones of their connection: not used");
    const bool untimed = say(untimed_, "records have no time: not used");
    return say(left_out_,
               "steps are left out: nothing was recorded for a million steps and more") ||
           any || untimed;
  }

 private:
  void end(const flow_summary& flow, std::unique_ptr<grid_steps>& steps) {
    uuid_ = flow.uuid();
    steps->end([this](const grid_step& s) { put(s); });
    left_out_ += steps->left_out();
    steps.reset();
  }
  void put(const grid_step& step) {
    if (parquet_ != nullptr) {
      append_grid_cells(batches_.of({}), uuid_, step, options_.grid_table.columns);
      if (++batched_ == grid_batch_rows) write();
      return;
    }
    append_grid_row(text_, uuid_, step, options_.grid_table);
    if (text_.size() >= csv_portion) write();
  }
  void write() {
    if (parquet_ != nullptr) {
      if (!parquet_->append(batches_)) throw stop_reading();
      batches_.clear();
      batched_ = 0;
      return;
    }
    if (!target_.write(text_)) throw stop_reading();
    text_.clear();
  }

  const csv_options& options_;
  csv_target& target_;
  parquet_output* parquet_;
  partitioned_rows batches_;  // one, of Parquet
  std::size_t batched_ = 0;
  snapshot decoded_;
  std::unordered_map<const flow_summary*, std::unique_ptr<grid_steps>> open_;  // null: ended
  std::string uuid_;
  std::string text_;
  std::uint64_t late_ = 0;
  std::uint64_t untimed_ = 0;
  std::uint64_t left_out_ = 0;
};

}  // namespace

rows_written write_grid(const csv_options& options, const walk_options& walk, csv_target& target,
                        parquet_output* parquet, csv_progress& progress, csv_counts& counts) {
  rows_written done;
  flow_list list(flow_list::rtts::bounded);
  grid_writer rows(options, target, parquet);
  record_filter filter(options.filter);
  const auto on_fault = [&](const input_fault& f) {
    if (!f.note) done.lost = true;
    progress.say(to_string(f));
    if (!f.note && options.strict) throw stop_reading();
    return true;
  };
  try {
    const reading_calls calls{[&](input_record& r) {
                                const flow_summary* flow = list.add(r, filter.wants(r));
                                if (flow != nullptr) rows.add(*flow, r);
                              },
                              on_fault};
    read_in_order(
        options.paths, walk, wanted_parts(options.filter, &counts.unread),
        {.captures = true, .max_window_log = options.max_window_log, .all_faults = options.verbose},
        options.workers, counts, calls);
    rows.end(list);
    counts.seen += filter.counts().seen;
    counts.passed += filter.counts().passed;
    if (rows.tell(progress)) done.lost = true;
  } catch (const stop_reading&) {
    done.aborted = true;  // of what was not read nobody knows what is in it
  } catch (const std::exception& e) {
    done.lost = done.aborted = true;
    progress.say(fmt::format("tcpinfo-csv: {}", e.what()));
  }
  return done;
}

}  // namespace tcpinfo::offline
