// SPDX-License-Identifier: Apache-2.0
#include "collect/sampling/close_tracker.h"

#include <tcpinfo/tcp.h>

#include <algorithm>
#include <cerrno>
#include <new>
#include <utility>

#include "collect/sampling/close_patience.h"
#include "common/errno_of.h"

namespace tcpinfo::collect {
namespace {

// After a loss polls dump until an absence can be certain, and for so much longer.
constexpr std::int64_t dumps_after_loss_ns = 2'000'000'000;
// Queries of missing connections in one poll: 6 us each.
constexpr std::size_t queries_a_poll = 500;
// With more of them the poll's thread may take its time.
constexpr std::size_t few_queries = 50;
// Failed queries in one poll: a failure may take long.
constexpr std::size_t failures_a_poll = 8;
// Dumps show what is left of a closed socket (TIME_WAIT) for a minute. A tombstone lasts 64 of
// these intervals, some two minutes.
constexpr std::int64_t tombstone_age_ns = 2'000'000'000;

}  // namespace

close_tracker::close_tracker(const sampler_context& context, const sampled_netns& where,
                             const poll_state& poll, flow_table& table, recorder& records)
    : system_(context.system),
      counts_(context.counts),
      source_(where.from),
      poll_(poll),
      table_(table),
      records_(records),
      where_(where.said()),
      tombstone_bytes_(context.tombstone_bytes) {}

close_tracker::~close_tracker() {
  counts_.tombstone_bytes.fetch_sub(tombstones_counted_, std::memory_order_relaxed);
  if (unheard_) counts_.netns_unheard.fetch_sub(1, std::memory_order_relaxed);
}

void close_tracker::start() {
  overflows_ = overflows_at_start_ = source_.event_overflows();
  start_ns_ = system_.monotonic_ns();
  if (const auto why = source_.ends_refused()) set_unheard(why);
}

// The poll itself does not wait for it: what a silent kernel does not tell of is recorded by dumps
// from the first one on.
void close_tracker::judge_silence(message_sink& sink) {
  if (source_.ends_refused()) return;
  if (awaits_an_end() && poll_.now_ns - start_ns_ >= absent_time_ns) {
    // What came while this thread had no processor is heard first.
    drain(sink);
    if (awaits_an_end()) set_unheard(system_error(ETIMEDOUT));
  } else if (unheard_ && source_.has_heard_an_end()) {
    unheard_ = false;
    counts_.netns_unheard.fetch_sub(1, std::memory_order_relaxed);
    if (std::exchange(said_unheard_, false))
      log(event::ends_unheard, {},
          "the kernel tells of ends after all{}: connections have final counters from now on",
          where_);
  }
}

// Of many namespaces only the first has a log line; a metric tells how many there are.
void close_tracker::set_unheard(std::error_code why) {
  unheard_ = true;
  if (counts_.netns_unheard.fetch_add(1, std::memory_order_relaxed) > 0) return;
  said_unheard_ = true;
  log(event::ends_unheard, {.error = why}, "connections end without final counters{}: {}{}", where_,
      is_errno(why, ETIMEDOUT) ? "the kernel grants to tell of ends, and is silent"
                               : "the kernel refuses to tell of ends: ",
      is_errno(why, ETIMEDOUT) ? std::string() : why.message());
}

void close_tracker::drain(message_sink& sink) {
  if (const auto ec = source_.drain(sink)) {
    // The next try may find what could not be read now, or may not.
    counts_.lost_events.add();
    unread_limit_.log(poll_.now_ns, event::events_unread, {.error = ec},
                      "cannot read destroy events{}: {}", where_, ec.message());
  }
  const std::int64_t overflows = source_.event_overflows();
  if (overflows == overflows_) return;
  counts_.lost_events.add(static_cast<std::uint64_t>(overflows - overflows_));
  overflows_ = overflows;
  // The lost events may be of any connection that was last seen before this moment. One that the
  // next complete dump shows was alive after the loss.
  overflow_ns_ = system_.monotonic_ns();
  overflow_unshown_ = true;
  dump_until_ns_ = poll_.now_ns + absent_time_ns + dumps_after_loss_ns;
  loss_limit_.log(poll_.now_ns, event::events_lost, {},
                  "the kernel dropped destroy events{}: they were not read in time; the "
                  "connections that polls have seen are found by them, shorter ones are lost",
                  where_);
}

void close_tracker::note_ended(std::uint64_t cookie, std::int64_t time_ns) noexcept try {
  ends_.push_back({cookie, time_ns});
} catch (const std::bad_alloc&) {
  // Dumps find that it is missing.
}

void close_tracker::look_for_ended() noexcept {
  for (; !ends_.empty() && poll_.now_ns - ends_.front().time_ns >= absent_time_ns;
       ends_.pop_front()) {
    const end& one = ends_.front();
    // Else its destroy event has come, or it was connected again.
    if (records_.told_of(one.cookie).ended_monotonic_ns == one.time_ns)
      note_absent(one.cookie, one.time_ns, one.time_ns);
  }
}

void close_tracker::note_absent(std::uint64_t cookie, std::int64_t seen_ns,
                                std::int64_t absent_ns) noexcept {
  message last;
  if (table_.find(cookie, last))
    add_missing({cookie, last.find(attribute_type::info).has_value(), seen_ns, absent_ns});
}

void close_tracker::add_missing(const missing& one) noexcept try {
  missing_.push_back(one);
} catch (const std::bad_alloc&) {
  // The next dump finds it missing again. Where the reconciler has found it, its next dump finds it
  // new, and the query that follows tells that it is gone.
}

// Collects for confirm_missing(): inside the table's callback nobody may use the table.
void close_tracker::end_dump() {
  if (std::exchange(overflow_unshown_, false)) overflow_shown_ns_ = poll_.now_ns;
  // The next dump finds these again. Events and the reconciler tell of a connection only once: what
  // they told of stays.
  if (!source_.follows()) missing_.clear();
  table_.end_cycle(true, poll_.now_ns, [&](const flow_absence& absence) noexcept {
    const bool waited = absence.cycles >= absent_dumps &&
                        (unheard_ || poll_.now_ns - absence.since_ns >= absent_time_ns);
    if (!poll_.last && (!waited || missing_.size() >= queries_a_poll)) return;
    const bool seen_after_overflow = absence.since_ns > overflow_shown_ns_;
    add_missing({absence.cookie, absence.had_info != 0, seen_after_overflow ? absence.since_ns : 0,
                 absence.since_ns});
  });
}

void close_tracker::end_queries() noexcept {
  if (poll_.now_ns - tombstones_aged_ns_ < tombstone_age_ns) return;
  tombstones_aged_ns_ = poll_.now_ns;
  table_.age_closed();
}

void close_tracker::forget_ended() noexcept {
  std::erase_if(missing_, [this](const missing& one) { return !records_.knows(one.cookie); });
}

// Connections that are too many for one poll come first in the next one. Those that could not be
// settled follow.
void close_tracker::confirm_missing() {
  const std::size_t most = poll_.last ? missing_.size() : std::min(missing_.size(), queries_a_poll);
  if (most > few_queries) source_.expect_long();
  std::size_t queried = 0;
  std::size_t unsettled = 0;
  for (; queried < most && (poll_.last || unsettled < failures_a_poll); ++queried)
    if (!settle(missing_[queried])) missing_[unsettled++] = missing_[queried];
  const auto at = [this](std::size_t n) {
    return missing_.begin() + static_cast<std::ptrdiff_t>(n);
  };
  missing_.erase(at(unsettled), at(queried));
  std::rotate(missing_.begin(), at(unsettled), missing_.end());
}

/// Hands on a socket that lives.
class close_tracker::live_sink final : public message_sink {
 public:
  explicit live_sink(recorder& to) noexcept : to_(to) {}
  void on_datagram() noexcept override { to_.on_datagram(); }
  socket_outcome on_socket(const message& m) noexcept override {
    // A mini socket in TIME_WAIT says that its TCP has ended. Dumps do not ask for that state, so
    // that the connection would be missing again in the next.
    only_time_wait = m.state() == tcp_state::time_wait;
    if (only_time_wait) return socket_outcome::unchanged;
    // It lives, or the socket is another connection by now.
    outcome = to_.on_socket(m);
    return outcome;
  }
  void on_destroyed(const message& m) noexcept override { to_.on_destroyed(m); }

  bool only_time_wait = false;
  socket_outcome outcome = socket_outcome::unchanged;

 private:
  recorder& to_;
};

// Queries a connection whose TCP has ended, as it seems, without a destroy event by now. Where it
// does not exist it is closed, and its socket detached: the event comes with the last close(), or
// never. Where events were lost since it was last seen, its own may be among them: that is a loss.
// False where it has to be tried again.
bool close_tracker::settle(const missing& lost) {
  message last;
  if (!table_.find(lost.cookie, last)) return true;
  // In the table and detached: its destroy event has come, and waits for room in a queue.
  if (records_.is_detached(lost.cookie)) return true;
  live_sink answer(records_);
  const auto ec = source_.query(last.id(), answer);
  if (!table_.find(lost.cookie, last)) return true;
  if (!is_gone(ec) && !answer.only_time_wait)
    return !ec && answer.outcome != socket_outcome::not_kept;
  const std::int64_t told_ns = records_.told_of(lost.cookie).ended_ns;
  // A socket that was a mini one from the start has no destroy event.
  const bool may_come = lost.had_info && !unheard_;
  if (!records_.end_without_event(lost.cookie, told_ns != 0 ? told_ns : wall_ns(lost.ended_ns),
                                  may_come))
    return false;
  // Where the kernel tells of no ends, that was said, and it is no loss.
  if (may_come) (may_have_lost_end(lost) ? counts_.lost_finals : counts_.detached).add();
  return true;
}

// All samplers have the same share. Others count into the same sums: this adds differences.
void close_tracker::bound_tombstones() noexcept {
  if (tombstone_bytes_ != 0) {
    const auto samplers =
        std::max<std::int64_t>(1, counts_.netns_sampled.load(std::memory_order_relaxed));
    table_.bound_tombstones(tombstone_bytes_ / static_cast<std::size_t>(samplers));
  }
  const auto now = static_cast<std::int64_t>(table_.tombstone_bytes());
  if (now != tombstones_counted_)
    counts_.tombstone_bytes.fetch_add(now - std::exchange(tombstones_counted_, now),
                                      std::memory_order_relaxed);
  const std::uint64_t dropped = table_.dropped_tombstones();
  if (dropped != dropped_tombstones_)
    counts_.tombstones_dropped.add(dropped - std::exchange(dropped_tombstones_, dropped));
}

}  // namespace tcpinfo::collect
