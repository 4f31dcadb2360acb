// SPDX-License-Identifier: Apache-2.0
#include "offline/commands/plot_command.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <optional>
#include <unordered_map>
#include <vector>

#include "common/message_of.h"
#include "offline/commands/csv_target.h"
#include "offline/commands/flow_reading.h"
#include "offline/commands/replaced_input.h"
#include "offline/filters/unmet.h"
#include "offline/plotting/plot_page.h"

namespace tcpinfo::offline {
namespace {

// What is drawn, gathered while records are read. One thread at a time.
class plot_gathering {
 public:
  explicit plot_gathering(const plot_options& options)
      : options_(options), filter_(options.reading.filter), list_(flow_list::rtts::bounded) {}

  void add(input_record& r) {
    const bool wanted = filter_.wants_in_any_state(r);
    const flow_summary* flow = list_.add(r, wanted);
    if (flow == nullptr) return;
    const auto ns = r.moment_ns();
    if (!ns) {
      ++untimed_;
      return;
    }
    auto it = rows_.find(flow);
    if (it == rows_.end()) {
      // Whether a connection's state is wanted is known when all records are read.
      if (options_.reading.filter.states == 0 && is_full(rows_.size())) return;
      it = rows_.try_emplace(flow, options_.points).first;
    }
    if (decoded_.decode(r.m, r.context->layout)) return;  // its reader refused it already
    it->second.add(plot_row_of(decoded_, *ns));
    decoded_.clear();
    why_.add(*flow, r);
  }

  /// After all records: what is to be drawn, by first sight. The gathering's.
  [[nodiscard]] std::vector<plotted_flow> finish() {
    std::vector<flow_summary*> flows = list_.flows();
    std::erase_if(flows,
                  [this](const flow_summary* f) { return !filter_.wants_state(f->state()); });
    sort_by_start(flows);
    any_wanted_ = !flows.empty();
    std::vector<plotted_flow> drawn;
    for (flow_summary* f : flows) {
      const auto it = rows_.find(f);
      if (it == rows_.end() || is_full(drawn.size())) {
        if (options_.limit != 0) ++left_out_;
        continue;
      }
      it->second.finish();
      if (it->second.rows().size() < it->second.added()) ++thinned_;
      drawn.push_back({*f, it->second, why_.of(*f)});
    }
    return drawn;
  }

  /// Nothing passed where no connection has the state that is wanted.
  [[nodiscard]] filter_counts counts() const noexcept {
    return any_wanted_ ? filter_.counts() : filter_counts{filter_.counts().seen, 0};
  }
  [[nodiscard]] std::uint64_t left_out() const noexcept { return left_out_; }
  [[nodiscard]] std::uint64_t thinned() const noexcept { return thinned_; }
  [[nodiscard]] std::uint64_t untimed() const noexcept { return untimed_; }
  [[nodiscard]] const why_list& why() const noexcept { return why_; }

 private:
  [[nodiscard]] bool is_full(std::size_t flows) const noexcept {
    return options_.limit != 0 && flows >= options_.limit;
  }

  const plot_options& options_;
  record_filter filter_;
  flow_list list_;
  why_list why_;
  snapshot decoded_;
  std::unordered_map<const flow_summary*, plot_rows> rows_;
  std::uint64_t left_out_ = 0;
  std::uint64_t thinned_ = 0;
  std::uint64_t untimed_ = 0;
  bool any_wanted_ = false;
};

// What is in no page, or in the page with fewer records. @return whether it is a fault.
bool tell_rest(const plot_gathering& all, const plot_options& options, bool unread,
               const say& complain) {
  if (all.left_out() != 0)
    complain(fmt::format("{} more connections are not in the page: --limit {} takes the first ones",
                         all.left_out(), options.limit));
  if (all.thinned() != 0)
    complain(
        fmt::format("of {} connections the page has a part of the records, peaks and dips "
                    "among them: --points {}",
                    all.thinned(), options.points));
  if (all.untimed() != 0)
    complain(fmt::format("{} records have no time, and cannot be drawn", all.untimed()));
  const bool late = tell_late(all.why(), complain);
  const bool unmet = tell_unmet_or_none(options.reading.filter, all.counts(), unread, complain);
  return all.untimed() != 0 || late || unmet;
}

}  // namespace

int plot_flows(const plot_options& options, const say& complain) {
  const std::string name = options.output.empty() ? "standard output" : options.output;
  const auto refuse = [&](int error, int status) {
    complain(fmt::format("{}: {}", name, message_of(error)));
    return status;
  };
  if (const std::string* path = replaced_input(options.output, options.paths)) {
    complain(fmt::format("--output: {} is one of the files to read", *path));
    return exit_usage;
  }
  csv_target target;
  if (const int error = target.open(options.output)) return refuse(error, exit_usage);
  plot_gathering all(options);
  std::atomic<bool> unread{false};
  bool trouble = read_flow_records(options.paths, options.reading,
                                   {[&all](input_record& r) { all.add(r); }}, complain, &unread);
  const std::vector<plotted_flow> flows = all.finish();
  if (tell_rest(all, options, unread, complain)) trouble = true;
  if (flows.empty()) {
    complain("no connection has a record with a time: no page is written");
    return exit_trouble;
  }
  (void)write_plot_page(flows, all.left_out(),
                        [&target](std::string_view text) { return target.write(text); });
  if (!target.closed())
    if (const int error = target.finish()) return refuse(error, exit_trouble);
  return trouble ? exit_trouble : exit_done;
}

}  // namespace tcpinfo::offline
