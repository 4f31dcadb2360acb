// SPDX-License-Identifier: Apache-2.0
#include "offline/commands/top_command.h"

#include <fmt/format.h>
#include <tcpinfo/archive.h>

#include <algorithm>
#include <string_view>
#include <vector>

#include "offline/filters/unmet.h"
#include "offline/inputs/now.h"
#include "offline/live/kernel_look.h"
#include "offline/live/query_client.h"
#include "offline/live/top_table.h"
#include "offline/live/top_view.h"

namespace tcpinfo::offline {
namespace {

constexpr std::int64_t ms = 1'000'000;
// Somebody waits before the terminal.
constexpr std::int64_t asking_ns = 3'000 * ms;

class watching {
 public:
  watching(const top_options& options, const say& complain)
      : options_(options), complain_(complain), kernel_(options.filter), model_(options.owner) {}

  [[nodiscard]] bool open() {
    const auto ec = kernel_.open();
    if (ec) complain_("the kernel's socket information (sock_diag) cannot be had: " + ec.message());
    return !ec;
  }

  int print(output& out) {
    bool trouble = !look();
    if (trouble) complain_(fault_);
    std::int64_t next_ns = monotonic_now_ns();
    for (std::uint64_t round = 1; !out.closed(); ++round) {
      next_ns = after(next_ns);
      sleep_until(next_ns);
      if (!look()) trouble = true;
      if (!fault_.empty()) complain_(fault_);
      put_table(out);
      if (!out.flush()) break;
      if (round == 1 && !options_.filter.by_name())
        tell_none_passed(options_.filter, kernel_.counts(), false, "socket", complain_);
      if (round == options_.rounds) break;
    }
    if (!out.closed() && options_.filter.by_name() &&
        tell_unmet_or_none(options_.filter, kernel_.counts(), false, complain_, "socket"))
      trouble = true;
    return end_status(out, trouble, complain_);
  }

  int draw(terminal& on) {
    // A look may come a little early.
    top_view view(model_, options_.order, options_.reversed, options_.interval_ns / 4 * 3);
    (void)look();
    // So that there are rates soon.
    std::int64_t next_ns = monotonic_now_ns() + std::min(options_.interval_ns, 300 * ms);
    std::uint64_t opened = 0;
    for (std::uint64_t round = 0;;) {
      on.show(view.draw(on.size(), on.has_utf8()));
      const std::int64_t left_ns = next_ns - monotonic_now_ns();
      if (left_ns > 0) {
        const auto patience_ms = static_cast<int>(std::min<std::int64_t>(left_ns / ms + 1, 60'000));
        if (!view.press(on.read_key(patience_ms))) return exit_done;
        if (view.opened() != opened && view.opened() != 0) ask_about(view);
        opened = view.opened();
        continue;
      }
      next_ns = after(next_ns);
      if (view.frozen()) continue;
      if (!look(&view)) view.set_notice(fault_);
      if (++round == options_.rounds) return exit_done;
    }
  }

 private:
  // A look that took longer than the interval is followed by the next one that is due.
  [[nodiscard]] std::int64_t after(std::int64_t next_ns) const {
    next_ns += options_.interval_ns;
    const std::int64_t now_ns = monotonic_now_ns();
    if (next_ns < now_ns)
      next_ns += (now_ns - next_ns) / options_.interval_ns * options_.interval_ns;
    return next_ns;
  }

  /// @return whether the kernel has shown all there is; else fault_ says why not.
  bool look(top_view* view = nullptr) {
    const std::int64_t time_ns = realtime_now_ns();
    const std::uint64_t opened = view == nullptr ? 0 : view->opened();
    model_.begin();
    const auto ec = kernel_.look([&](const message& m) {
      model_.see(m, time_ns);
      if (opened != 0 && m.cookie() == opened) view->line().add(m, time_ns);
    });
    model_.end();
    fault_ = ec ? "the kernel's answer is not complete: " + ec.message() : std::string();
    return !ec;
  }

  // What a collector has recorded of it comes before what is seen from now on.
  void ask_about(top_view& view) {
    if (options_.socket.empty()) return;
    const query_answer said =
        ask_collector(options_.socket, fmt::format("/cookie/{:#x}", view.opened()), asking_ns);
    if (!said.fault.empty())
      view.set_notice("the collector: " + said.fault);
    else if (said.status != 200)
      view.set_notice("the collector does not know it");
    else
      (void)view.line().add_lines(said.body, view.opened());
  }

  void put_table(output& out) const {
    std::vector<const watched_flow*> rows = model_.rows(options_.order, options_.reversed);
    if (options_.limit != 0 && rows.size() > options_.limit) rows.resize(options_.limit);
    table_style style;
    style.owners = model_.knows_owners();
    out.put(fmt::format("{}  {}\n", to_string(timestamp::from_unix_nanoseconds(realtime_now_ns())),
                        totals_text(model_.totals())));
    for (const std::string& line : table_lines(rows, style)) out.put(line + "\n");
    out.put("\n");
  }

  const top_options& options_;
  const say& complain_;
  kernel_look kernel_;
  top_model model_;
  std::string fault_;
};

}  // namespace

int run_top(output& out, terminal* on, const top_options& options, const say& complain) {
  if (!options.socket.empty())
    if (const std::string why = why_no_collector(options.socket); !why.empty()) {
      complain(no_collector(options.socket, why));
      return exit_trouble;
    }
  watching all(options, complain);
  if (!all.open()) return exit_trouble;
  return on == nullptr ? all.print(out) : all.draw(*on);
}

}  // namespace tcpinfo::offline
