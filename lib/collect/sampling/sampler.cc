// SPDX-License-Identifier: Apache-2.0
#include "collect/sampling/sampler.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "text/values.h"

namespace tcpinfo::collect {
namespace {

// At the end, final messages that wait for room in a queue get so long.
constexpr std::int64_t last_wait_ns = 5'000'000'000;
constexpr std::int64_t last_wait_step_ns = 1'000'000;
// At the end, destroy events of connections that the last poll did not show get so long.
constexpr std::int64_t last_events_ns = 2'000'000'000;
constexpr std::int64_t last_events_step_ns = 10'000'000;
constexpr std::int64_t never = std::numeric_limits<std::int64_t>::max();
// The kernel ends longer waits up to a thousandth late.
constexpr std::int64_t long_wait_ns = 100'000'000;

std::int64_t rounded(std::int64_t ns) noexcept {
  constexpr std::int64_t tenth_ms = 100'000;
  return (ns + tenth_ms / 2) / tenth_ms * tenth_ms;
}

}  // namespace

void sampler::say_failed_poll(const std::error_code& ec) {
  counts_.failed_polls.add();
  poll_limit_.log(poll_.now_ns, event::poll_failed, {.error = ec},
                  "poll {} failed{}: {} (no connection is taken for closed by it)", poll_.number,
                  where_, ec.message());
}

// Sampling goes on, and the source tries again.
void sampler::say_no_reconciler(const std::error_code& ec) {
  counts_.netns_faults.add();
  if (std::exchange(said_no_reconciler_, true)) return;
  log(event::netns_fault, {.error = ec},
      "cannot start the thread of the reconciler{}: {} (sampling by events goes on, missed changes "
      "are not found meanwhile; tried again every 10 seconds)",
      where_, ec.message());
}

void sampler::drain_events() {
  records_.read_now();
  records_.retry_pending();
  closes_.drain(*this);
}

void sampler::count(const poll_report& report) noexcept {
  poll_duration_ns_ = report.duration_ns;
  polls_observed_.end(report, table_.flows());
  counts_.complete_polls.add(report.complete ? 1 : 0);
  counts_.active_sockets.add(report.active);
  counts_.dropped_activity.add(report.dropped);
  counts_.missed_activity.add(report.missed_events);
  counts_.queries.add(report.queries);
  counts_.reconciled.add(report.reconciled);
  counts_.missed_changes.add(report.missed_changes);
  counts_.polls.add();
}

std::error_code sampler::poll_once() {
  poll_.now_ns = system_.monotonic_ns();
  records_.read_now();
  closes_.judge_silence(*this);
  poll_.hears_ends = closes_.hears_ends();
  polls_observed_.begin();
  const bool dumps = must_dump_ || poll_.last || closes_.needs_dumps();
  // A dump alone is evidence: that a query has shown a connection since the last one is none.
  if (dumps) closes_.begin_dump();
  const poll_report report = dumps ? source_.dump(*this) : source_.poll(*this);
  if (dumps && report.complete) must_dump_ = false;
  if (report.complete && poll_.whole_dump_ns == 0) poll_.whole_dump_ns = system_.realtime_ns();
  // What a dump showed and the recorder did not keep only another dump shows again. A source of
  // queries repeats the query by itself.
  must_dump_ = (records_.take_not_kept() && report.complete) || must_dump_;
  count(report);
  if (report.no_reconciler) say_no_reconciler(report.no_reconciler);
  records_.end_poll();
  closes_.bound_tombstones();
  closes_.look_for_ended();
  if (report.complete) {
    closes_.end_dump();
    drain_events();
    if (poll_.last && !closes_.ends_unheard()) await_last_events();
    closes_.confirm_missing();
  } else if (!report.error) {
    // The poll showed active sockets only. Destroy events can wait for the time between polls,
    // which ends at once where there are any; but a query of a connection must not precede its
    // event.
    if (closes_.has_missing()) drain_events();
    closes_.confirm_missing();
    closes_.end_queries();
  } else {
    closes_.end_failed_dump();
  }
  return report.error;
}

// The kernel may take seconds to tell of an end where thousands close at once.
void sampler::await_last_events() {
  const std::int64_t deadline_ns = system_.monotonic_ns() + last_events_ns;
  for (;;) {
    closes_.forget_ended();
    const std::int64_t time_ns = system_.monotonic_ns();
    if (!closes_.has_missing() || time_ns >= deadline_ns) return;
    (void)system_.wait(source_.descriptor(), -1, time_ns + last_events_step_ns);
    drain_events();
    records_.wake_writers(never);
  }
}

// Says once in a window that ticks are missed, and only where it is more than a hiccup.
void sampler::count_missed(std::uint64_t ticks) {
  constexpr std::int64_t window_ns = 10'000'000'000;
  counts_.missed_ticks.add(ticks);
  if (poll_.now_ns - window_begin_ns_ >= window_ns) {
    window_begin_ns_ = poll_.now_ns;
    window_missed_ = 0;
    window_said_ = false;
  }
  window_missed_ += ticks;
  const auto due = static_cast<std::uint64_t>(window_ns / settings_.interval_ns);
  if (window_said_ || window_missed_ * 100 <= due) return;
  window_said_ = true;
  tick_limit_.log(
      poll_.now_ns, event::ticks_missed, {},
      "the interval of {} is not kept{}: {} ticks missed in the last {} (a poll took {})",
      text::format_duration(settings_.interval_ns), where_, window_missed_,
      text::format_duration(rounded(poll_.now_ns - window_begin_ns_)),
      text::format_duration(rounded(poll_duration_ns_)));
}

// Until when no poll is needed, unless something happens; 0: the next tick polls.
std::int64_t sampler::rest() noexcept {
  const bool busy = must_dump_ || must_end_excluded_ || records_.pending() > 0 ||
                    closes_.has_missing() || closes_.needs_dumps() || closes_.awaits_an_end() ||
                    settings_.reps > 0;
  const std::int64_t until_ns = busy ? 0 : source_.rest();
  return until_ns == 0 ? 0 : time_of(tick_at(until_ns));
}

// A rest ends before `tick`, which takes the place of the one that was due first.
void sampler::end_rest(std::uint64_t& due, std::uint64_t tick) noexcept {
  if (tick <= due) return;
  counts_.idle_ticks.add(tick - due);
  idle_ticks_ += tick - due;
  due = tick;
}

// False where the attendant ends the loop. Where the source rests, `tick` becomes a later one: the
// first after something has happened.
bool sampler::wait_for_tick(std::uint64_t& tick, attendant& company) {
  std::int64_t rest_until_ns = rest();
  // The wait tells whether the attendant is asked for. Polls that always take longer than the
  // interval leave no time to wait: then the loop calls it unasked. An idle tick costs little more
  // than waking up, because the loop looks at nothing that the wait has not told of.
  for (bool waited = false;; waited = true) {
    poll_.now_ns = system_.monotonic_ns();
    const bool tells =
        company.descriptor() >= 0 && (rest_until_ns != 0 || poll_.now_ns < time_of(tick));
    const bool unasked = !waited && !tells;
    if ((unasked || asked_for_ || poll_.now_ns >= company.due_ns()) &&
        !company.attend(poll_.now_ns)) {
      if (rest_until_ns != 0) end_rest(tick, tick_at(poll_.now_ns));
      return false;
    }
    if (rest_until_ns != 0 && poll_.now_ns >= rest_until_ns) {
      rest_until_ns = 0;
      end_rest(tick, tick_at(poll_.now_ns));
    } else if (rest_until_ns != 0 && (asked_for_ || !source_.rests())) {
      // The attendant may have been asked for something that the next poll has to do.
      rest_until_ns = 0;
      end_rest(tick, tick_at(poll_.now_ns - 1) + 1);
    }
    asked_for_ = false;
    const std::int64_t until_ns = rest_until_ns != 0 ? rest_until_ns : time_of(tick);
    records_.wake_writers(std::max(until_ns, poll_.now_ns));
    if (poll_.now_ns >= until_ns) return true;
    std::int64_t wake_ns = std::min(until_ns, company.due_ns());
    // The last part of a long wait is a wait of its own, which ends in time.
    if (wake_ns - poll_.now_ns > long_wait_ns) wake_ns -= (wake_ns - poll_.now_ns) / 500;
    const os::readable found = system_.wait(source_.descriptor(), company.descriptor(), wake_ns);
    const bool source_ready = found.a;
    asked_for_ = found.b;
    if (!source_ready && records_.pending() == 0) continue;
    poll_.now_ns = system_.monotonic_ns();
    drain_events();
  }
}

std::uint64_t sampler::tick_at(std::int64_t now_ns) const noexcept {
  return now_ns <= start_ns_
             ? 0
             : static_cast<std::uint64_t>((now_ns - start_ns_) / settings_.interval_ns);
}

// The next tick that is still to come. Ticks that the poll ran past are missed: the loop never
// makes up for them. Ticks left out to keep the budget are not: nobody wanted them.
std::uint64_t sampler::next_tick(std::uint64_t tick) {
  poll_.now_ns = system_.monotonic_ns();
  const std::uint64_t next = std::max(tick, tick_at(poll_.now_ns)) + 1;
  count_missed(next - tick - 1);
  if (settings_.cpu_budget <= 0) return next;
  const std::int64_t from_ns = budget_.next_poll_ns(poll_.now_ns, system_.processor_ns());
  const std::uint64_t allowed = std::max(next, tick_at(from_ns - 1) + 1);
  counts_.budget_ticks.add(allowed - next);
  return allowed;
}

void sampler::begin_tick(std::uint64_t tick, attendant& company) {
  const std::int64_t begun_ns = system_.monotonic_ns();
  if (!poll_.first) {
    intervals_.add(begun_ns - previous_ns_);
    observed_.interval(begun_ns - previous_ns_);
  }
  previous_ns_ = begun_ns;
  poll_.number = tick + 1;
  company.before_poll();
  const bool renewed = unwanted_.renew();
  poll_.may_show_old = poll_.first || renewed;
  must_dump_ = must_dump_ || renewed;
  must_end_excluded_ = must_end_excluded_ || renewed;
  if (!must_end_excluded_) return;
  source_.expect_long();
  must_end_excluded_ = !records_.end_excluded();
}

std::error_code sampler::run(attendant& company) {
  if (const auto ec = table_.reset({})) return ec;
  source_.use_flows(table_);
  closes_.start();
  window_begin_ns_ = system_.monotonic_ns();
  std::uint64_t tick = tick_at(window_begin_ns_);
  for (;;) {
    begin_tick(tick, company);
    const auto ec = poll_once();
    if (ec && poll_.first) return ec;
    if (ec) say_failed_poll(ec);
    poll_.first = false;
    tick = next_tick(tick);
    if (!company.after_poll({poll_.now_ns, !ec, table_.flows(), idle_ticks_})) break;
    const std::uint64_t next = tick;
    poll_.last = !wait_for_tick(tick, company);
    if (poll_.last) break;
    // Idle ticks were kept, without a poll.
    if (tick != next) previous_ns_ = time_of(tick - 1);
  }
  company.ending();
  poll_.number = tick + 1;
  finish();
  return {};
}

// A last poll finds connections that have closed since the one before: their destroy events may not
// have come yet, or may be lost, and no later poll will miss the connections. Where a number of
// polls was asked for, that number is not exceeded, unless events were lost.
void sampler::finish() {
  source_.expect_long();
  poll_.now_ns = system_.monotonic_ns();
  drain_events();
  poll_.last = poll_.last || closes_.has_lost_events();
  if (poll_.last)
    if (const auto ec = poll_once()) say_failed_poll(ec);
  const std::int64_t deadline_ns = poll_.now_ns + last_wait_ns;
  while (records_.pending() > 0 && system_.monotonic_ns() < deadline_ns) {
    records_.wake_writers(never);
    (void)system_.wait(-1, -1, system_.monotonic_ns() + last_wait_step_ns);
    records_.retry_pending();
  }
  counts_.lost_backlog.add(records_.pending());
  records_.end_run();
  records_.wake_writers(never);
}

}  // namespace tcpinfo::collect
