// SPDX-License-Identifier: Apache-2.0
#include "collect/sampling/sampler.h"

#include <tcpinfo/archive.h>
#include <tcpinfo/tcp.h>

#include <algorithm>
#include <cerrno>
#include <limits>
#include <utility>

#include "common/errno_of.h"
#include "text/values.h"

namespace tcpinfo::collect {
namespace {

// A connection that a dump does not show has either ended, and its destroy event is on its way (a
// work item of the kernel: milliseconds when idle, but seconds were seen when thousands close at
// once), or was passed over while the table's chains changed. Both are given this many complete
// polls and this much time before the kernel is asked about the one socket. Waiting costs nothing.
constexpr std::uint32_t absent_polls = 3;
constexpr std::int64_t absent_time_ns = 5'000'000'000;
// So much longer than absence takes to be sure of, everything is looked at after a loss.
constexpr std::int64_t walks_after_loss_ns = 2'000'000'000;
// At the end, events that wait for room in a ring get this long.
constexpr std::int64_t last_wait_ns = 5'000'000'000;
// At the end, messages about the ends of connections that a last look did not show any more.
constexpr std::int64_t last_events_ns = 2'000'000'000;
constexpr std::int64_t last_events_step_ns = 10'000'000;
constexpr std::int64_t never = std::numeric_limits<std::int64_t>::max();
constexpr int first_look_tries = 10'000;
constexpr std::int64_t first_look_pause_ns = 1'000'000;
// Queries for missing connections in one poll: 6 us each.
constexpr std::size_t queries_a_poll = 500;
// Of them that may fail: a query can take long to do so.
constexpr std::size_t failures_a_poll = 8;
// Connections of which events have told what no record has yet.
constexpr std::size_t told_limit = 100'000;
// What is left of a closed socket shows in walks for a minute: with 64 of these its cookie is
// remembered twice as long.
constexpr std::int64_t closed_age_ns = 2'000'000'000;
// The kernel ends waits that are longer up to a thousandth late.
constexpr std::int64_t long_wait_ns = 100'000'000;
// A mini socket that no walk has shown for so long is no more; or nobody walks, and then another
// connection that an overflow makes of it is a small evil.
constexpr std::int64_t minis_age_ns = 10'000'000'000;
// Destroy events that wait for room in a ring.
constexpr std::size_t pending_limit = std::size_t{32} << 20;

bool is_gone(const std::error_code& ec) noexcept {
  return is_errno(ec, ENOENT) || is_errno(ec, ESTALE);
}

std::int64_t rounded(std::int64_t ns) noexcept {
  constexpr std::int64_t tenth_ms = 100'000;
  return (ns + tenth_ms / 2) / tenth_ms * tenth_ms;
}

// Finer times of records tell nothing (a message is as old as what was read before it took), and
// cost three bytes each.
std::int64_t rounded_down(std::int64_t ns) noexcept {
  constexpr std::int64_t step_ns = 100'000;
  return ns - ns % step_ns;
}

}  // namespace

bool sampler::push(const snapshot_header& header, bytes_view message) noexcept {
  // Cookies are handed out in order: neighbours go to different writers.
  const std::size_t at = static_cast<std::size_t>(header.cookie) % writers_.size();
  writer& to = *writers_[at];
  pushed_ = true;
  bool taken = to.push(header, message);
  // The first poll shows everything there is at once, more than a ring may hold. Nothing is due yet
  // and nobody relies on us: the one time that we wait for a writer.
  for (int tries = 0; !taken && first_look_ && tries < first_look_tries; ++tries) {
    to.wake();
    (void)system_.wait(-1, -1, system_.monotonic_ns() + first_look_pause_ns);
    taken = to.push(header, message);
  }
  // In a poll with much news the writer must not wait for the poll's end.
  if (!nudged_[at] && to.queue().used_bytes() > to.queue().capacity_bytes() / 4) {
    nudged_[at] = true;
    to.wake();
  }
  return taken;
}

void sampler::tell_opened(const socket_id& id, std::int64_t time_ns) noexcept {
  observed_.flows_opened.add();
  if (listener_ != nullptr) listener_->opened(id, time_ns);
}

void sampler::tell_closed(std::uint64_t cookie, std::int64_t time_ns) noexcept {
  observed_.flows_closed.add();
  if (listener_ != nullptr) listener_->closed(cookie, time_ns);
}

// The socket is another connection now.
void sampler::tell_moved(const socket_id& id, std::int64_t time_ns) noexcept {
  tell_closed(id.cookie, time_ns);
  tell_opened(id, time_ns);
}

snapshot_header sampler::header_of(const message& m, std::int64_t time_ns) const noexcept {
  snapshot_header header;
  header.cookie = m.cookie();
  header.prefix = prefixes_.current();
  header.netns = netns_;
  header.time_ns = time_ns;
  return header;
}

// Tells the writer that nothing more will come of it.
bool sampler::push_gone(std::uint64_t cookie) noexcept {
  snapshot_header header;
  header.cookie = cookie;
  header.kind = snapshot_kind::ended_unseen;
  return push(header, {});
}

bool sampler::record(const flow_update& update, std::int64_t time_ns, std::uint64_t poll) noexcept {
  snapshot_header header = header_of(update.current, rounded_down(time_ns));
  header.kind = update.change == flow_change::moved ? snapshot_kind::reused : snapshot_kind::data;
  header.poll = poll;
  header.may_be_old = may_be_old_ ? 1 : 0;
  const bool moved = update.change == flow_change::moved;
  const bool opens = update.known == 0 || moved;
  if (opens) {
    header.opened_ns = std::min(told_of(update.current.cookie()).opened_ns, time_ns);
    // No record is older than its connection.
    header.time_ns = std::max(header.time_ns, header.opened_ns);
  }
  if (!push(header, update.current.bytes)) {
    // Not committed: the next poll finds it changed again, and tries again.
    counts_.lost_queue.add();
    repeat_ = refused_ = true;
    return false;
  }
  ++snapshots_taken_;
  socket_id id;
  if (opens) id = update.current.id();
  if (update.known == 0) counts_.connections.add();
  // Out of memory here means that the next poll records it once more: a record too many, none lost.
  if (table_.commit(update) || !opens) return true;
  const std::int64_t opened_ns = header.opened_ns != 0 ? header.opened_ns : time_ns;
  if (moved)
    tell_moved(id, opened_ns);
  else
    tell_opened(id, opened_ns);
  forget_opening(id.cookie);
  // Its socket, which was detached, has been connected again.
  detached_.erase(id.cookie);
  set_detached_count();
  return true;
}

flow_change sampler::look_at(const message& m) noexcept {
  ++sockets_seen_;
  polls_observed_.see(m);
  flow_update update;
  if (table_.update(m, now_ns_, update)) {
    repeat_ = refused_ = true;
    return flow_change::none;
  }
  if (update.change == flow_change::none) return flow_change::none;
  // Known ones passed this already.
  if (update.known == 0 && (unwanted_.get().excludes(m) || opens_nothing(m)))
    return flow_change::none;
  (void)record(update, read_ns_, poll_);
  return update.change;
}

void sampler::on_socket(const message& m) noexcept { (void)look_at(m); }

bool sampler::on_checked(const message& m) noexcept {
  const flow_change change = look_at(m);
  // Clocks run without events, and are looked at once a second anyhow.
  return change != flow_change::none && change != flow_change::clocks;
}

bool sampler::knows(std::uint64_t cookie) const noexcept {
  message last;
  return table_.find(cookie, last);
}

void sampler::add_missing(const missing& one) noexcept try {
  missing_.push_back(one);
} catch (const std::bad_alloc&) {
  // The next walk finds it missing again, or finds it new, asks for it, and is told that it is
  // gone.
}

void sampler::on_absent(std::uint64_t cookie, std::int64_t seen_ns,
                        std::int64_t absent_ns) noexcept {
  message last;
  if (table_.find(cookie, last))
    add_missing({cookie, last.find(attribute_type::info).has_value(), seen_ns, absent_ns});
}

// A socket may open again that has ended: it was disconnected.
void sampler::on_opening(std::uint64_t cookie, std::int64_t time_ns) noexcept try {
  const auto found = told_.find(cookie);
  const bool ended = found != told_.end() && found->second.ended_ns != 0;
  if (!ended && (found != told_.end() || knows(cookie))) return;
  // What never comes (its mark was of a socket in the kernel, which has no destroy event) is no
  // leak.
  if (told_.size() >= told_limit) told_.clear();
  told_[cookie] = {.opened_ns = wall_ns(time_ns)};
} catch (const std::bad_alloc&) {
  // Its time is then that of the poll.
}

// Only of what is recorded: of others nothing may ever be heard.
void sampler::on_ended(std::uint64_t cookie, std::int64_t time_ns) noexcept try {
  const auto found = told_.find(cookie);
  if (found == told_.end() && !knows(cookie)) return;
  if (told_.size() >= told_limit) told_.clear();
  told& of = told_[cookie];
  of.ended_ns = wall_ns(time_ns);
  of.ended_monotonic_ns = time_ns;
  ends_.push_back({cookie, time_ns});
} catch (const std::bad_alloc&) {
  // Walks find it missing.
}

sampler::told sampler::told_of(std::uint64_t cookie) const noexcept {
  if (told_.empty()) return {};
  const auto found = told_.find(cookie);
  return found == told_.end() ? told{} : found->second;
}

void sampler::forget_opening(std::uint64_t cookie) noexcept {
  const auto found = told_.find(cookie);
  if (found == told_.end()) return;
  found->second.opened_ns = 0;
  if (found->second.ended_ns == 0) told_.erase(found);
}

// Those whose TCP has ended, and whose destroy event should have come by now.
void sampler::look_for_ended() noexcept {
  for (; !ends_.empty() && now_ns_ - ends_.front().time_ns >= absent_time_ns; ends_.pop_front()) {
    const end& one = ends_.front();
    // The destroy event has come, or it was connected again.
    if (told_of(one.cookie).ended_monotonic_ns == one.time_ns)
      on_absent(one.cookie, one.time_ns, one.time_ns);
  }
}

// A mini socket that is not known. The kernel gives a socket its cookie when somebody first asks
// for it. So a connection that no dump saw before it closed has two: one in its destroy event, and
// one that its mini socket got by this dump. While destroy events are heard, they tell of such a
// connection, and the mini socket would be it a second time. At the start the event may have gone
// by before it was listened for, and after an overflow it may be lost: then the mini socket is all
// there is, unless an earlier run of the collector has recorded the connection.
bool sampler::opens_nothing(const message& m) noexcept {
  if (m.find(attribute_type::info)) return false;
  // It was told closed already.
  if (detached_.find(m.cookie()) != nullptr) return true;
  const std::uint64_t cookie = m.cookie();
  const bool heard = !source_.ends_unheard() && !first_look_ && now_ns_ >= walk_until_ns_;
  if (!heard && !minis_.contains(cookie)) return earlier_.find(cookie) != nullptr;
  try {
    // Remembered, so that it opens nothing after an overflow either. Its own destroy event, where
    // it has the same cookie, may be still to come.
    minis_[cookie] = now_ns_;
  } catch (const std::bad_alloc&) {
    // Then an overflow makes a connection of it.
  }
  return true;
}

void sampler::forget_minis() noexcept {
  if (minis_.empty() || now_ns_ - minis_looked_ns_ < minis_age_ns) return;
  minis_looked_ns_ = now_ns_;
  std::erase_if(minis_, [this](const auto& one) { return now_ns_ - one.second >= minis_age_ns; });
}

// Puts back what was kept of a detached connection. False where there is no memory.
bool sampler::restore(const detached_flows::flow& held) noexcept {
  message known;
  if (table_.find(held.cookie(), known)) return true;
  flow_update before;
  return !table_.update({held.last}, now_ns_, before) && !table_.commit(before);
}

bool sampler::record_final(const message& m, std::int64_t time_ns) noexcept {
  const std::uint64_t cookie = m.cookie();
  const detached_flows::flow* const held = detached_.find(cookie);
  if (held != nullptr && !restore(*held)) return false;
  flow_update update;
  if (table_.destroyed(m, now_ns_, update)) return false;
  const bool wanted =
      update.change != flow_change::none && (update.known != 0 || !unwanted_.get().excludes(m));
  if (!wanted) {
    told_.erase(cookie);
    return true;
  }
  const told events = told_of(cookie);
  snapshot_header header = header_of(m, time_ns);
  header.kind = update.moved != 0 ? snapshot_kind::reused_final : snapshot_kind::final;
  // An earlier run of the collector has recorded the connection up to its end, or nearly. That
  // run's files have the prefix that this one began with.
  const bool goes_on = update.known == 0 && earlier_.find(cookie) != nullptr;
  if (goes_on) header.prefix = 0;
  header.may_be_old = held != nullptr || goes_on ? 1 : 0;
  if (update.known == 0 || update.moved != 0)
    header.opened_ns = std::min(events.opened_ns, time_ns);
  const bool was_told = held != nullptr && update.moved == 0;
  header.ended_ns = std::min(was_told ? held->ended_ns : events.ended_ns, time_ns);
  header.poll = no_poll;
  header.carried = update.carried;
  if (!push(header, update.current.bytes)) return false;
  const socket_id id = update.current.id();
  (void)table_.commit(update);
  counts_.destroy_events.add();
  ++snapshots_taken_;
  if ((update.carried & attribute_bit(attribute_type::info)) != 0) counts_.cleared_finals.add();
  told_.erase(cookie);
  // Its opening and its end have been told.
  const bool told_before = goes_on || was_told;
  const bool opens = !told_before && (update.known == 0 || held != nullptr);
  const std::int64_t opened_ns = header.opened_ns != 0 ? header.opened_ns : time_ns;
  detached_.erase(cookie);
  set_detached_count();
  if (opens) {
    counts_.connections.add();
    tell_opened(id, opened_ns);
  } else if (update.moved != 0) {
    tell_moved(id, opened_ns);
  }
  if (told_before) return true;
  // One that was detached all the time, though nothing has shown it, ended when its TCP did.
  const bool late = events.ended_ns != 0 && time_ns - events.ended_ns >= absent_time_ns;
  tell_closed(id.cookie, late ? events.ended_ns : time_ns);
  return true;
}

void sampler::on_destroyed(const message& m) noexcept {
  if (pending_.empty() && record_final(m, read_ns_)) return;
  if (!knows(m.cookie()) && detached_.find(m.cookie()) == nullptr && unwanted_.get().excludes(m))
    return;
  // There is no next poll for it: it waits here until the writer has room.
  try {
    if (pending_bytes_ + m.bytes.size() <= pending_limit) {
      pending_.push_back({{m.bytes.begin(), m.bytes.end()}, read_ns_});
      pending_bytes_ += m.bytes.size();
      return;
    }
  } catch (const std::bad_alloc&) {
  }
  counts_.lost_backlog.add();
}

void sampler::retry_pending() noexcept {
  while (!pending_.empty()) {
    const pending_final& oldest = pending_.front();
    if (!record_final({oldest.bytes}, oldest.time_ns)) return;
    pending_bytes_ -= oldest.bytes.size();
    pending_.pop_front();
  }
}

void sampler::drain_events() {
  read_ns_ = system_.realtime_ns();
  retry_pending();
  if (const auto ec = source_.drain(*this)) {
    // What could not be read may be there at the next try, or not.
    counts_.lost_events.add();
    unread_limit_.log(now_ns_, event::events_unread, {.error = ec},
                      "cannot read destroy events{}: {}", where_, ec.message());
  }
  const std::int64_t overflows = source_.event_overflows();
  if (overflows == overflows_) return;
  counts_.lost_events.add(static_cast<std::uint64_t>(overflows - overflows_));
  overflows_ = overflows;
  note_overflow();
  // Who has ended unheard is found by walks.
  walk_until_ns_ = now_ns_ + absent_time_ns + walks_after_loss_ns;
  loss_limit_.log(now_ns_, event::events_lost, {},
                  "the kernel dropped destroy events{}: they were not read in time; the "
                  "connections that polls have seen are found by them, shorter ones are lost",
                  where_);
}

// The lost events may be of any connection that was last seen before this moment. Whether one was
// is known when the next whole walk is done: what that does not show was last seen by a walk
// before.
void sampler::note_overflow() noexcept {
  overflow_ns_ = system_.monotonic_ns();
  overflow_unshown_ = true;
}

// What a complete poll did not show is remembered for confirm_missing(); the table must not be used
// inside the callback.
void sampler::look_for_missing() {
  if (std::exchange(overflow_unshown_, false)) overflow_shown_ns_ = now_ns_;
  // The next walk shows them as missing again; what else told of some does not.
  if (!source_.follows()) missing_.clear();
  table_.end_cycle(true, now_ns_, [&](const flow_absence& absence) noexcept {
    const bool waited = absence.cycles >= absent_polls &&
                        (source_.ends_unheard() || now_ns_ - absence.since_ns >= absent_time_ns);
    if (!ending_ && (!waited || missing_.size() >= queries_a_poll)) return;
    const bool seen_after_overflow = absence.since_ns > overflow_shown_ns_;
    add_missing({absence.cookie, absence.had_info != 0, seen_after_overflow ? absence.since_ns : 0,
                 absence.since_ns});
  });
}

// Those that could not be settled stay, behind the others: who told of them tells once. So do those
// that are too many for one poll.
void sampler::confirm_missing() {
  constexpr std::size_t few = 50;
  const std::size_t most = ending_ ? missing_.size() : std::min(missing_.size(), queries_a_poll);
  if (most > few) source_.expect_long();
  std::size_t asked = 0;
  std::size_t unsettled = 0;
  for (; asked < most && (ending_ || unsettled < failures_a_poll); ++asked)
    if (!settle(missing_[asked])) missing_[unsettled++] = missing_[asked];
  const auto at = [this](std::size_t n) {
    return missing_.begin() + static_cast<std::ptrdiff_t>(n);
  };
  missing_.erase(at(unsettled), at(asked));
  std::rotate(missing_.begin(), at(unsettled), missing_.end());
}

/// Hands on a socket that lives.
class sampler::settling final : public message_sink {
 public:
  explicit settling(sampler& to) noexcept : to_(to) {}
  void on_datagram() noexcept override { to_.on_datagram(); }
  void on_socket(const message& m) noexcept override {
    // What is left of it in TIME_WAIT says that its TCP has ended. Dumps do not ask for it, so it
    // would be missing again in the next.
    only_time_wait = m.state() == static_cast<std::uint8_t>(tcp_state::time_wait);
    // It may be another connection by now.
    if (!only_time_wait) to_.on_socket(m);
  }
  void on_destroyed(const message& m) noexcept override { to_.on_destroyed(m); }

  bool only_time_wait = false;

 private:
  sampler& to_;
};

// A connection whose TCP has ended without a destroy event by now. It is closed, and its socket
// detached: the event comes with the last close(), or never. Where an overflow lies in between, the
// event may be lost as well: that is a loss. False where it has to be tried again.
bool sampler::settle(const missing& lost) {
  message last;
  if (!table_.find(lost.cookie, last)) return true;
  // Its destroy event has come, and waits for room in a ring.
  if (detached_.find(lost.cookie) != nullptr) return true;
  settling answer(*this);
  const auto ec = source_.query(last.id(), answer);
  if (!table_.find(lost.cookie, last)) return true;
  if (!is_gone(ec) && !answer.only_time_wait) return !ec;
  const told events = told_of(lost.cookie);
  const std::int64_t ended_ns = events.ended_ns != 0 ? events.ended_ns : wall_ns(lost.ended_ns);
  // A socket that was a mini one from the start has no destroy event.
  if (lost.had_info && !source_.ends_unheard()) {
    try {
      counts_.detached_forgotten.add(detached_.add(last, ended_ns));
    } catch (const std::bad_alloc&) {
      return false;
    }
  }
  if (!push_gone(lost.cookie)) {
    detached_.erase(lost.cookie);
    return false;
  }
  set_detached_count();
  table_.erase(lost.cookie);
  told_.erase(lost.cookie);
  counts_.ended_unseen.add();
  tell_closed(lost.cookie, ended_ns);
  // Where no ends are told, that was said at the start, and is no loss.
  if (!lost.had_info || source_.ends_unheard()) return true;
  (may_have_lost_end(lost) ? counts_.lost_finals : counts_.detached).add();
  return true;
}

// Differences, for others have their share in the sum.
void sampler::set_detached_count() noexcept {
  const auto now = static_cast<std::int64_t>(detached_.size());
  if (now == detached_counted_) return;
  counts_.detached_now.fetch_add(now - std::exchange(detached_counted_, now),
                                 std::memory_order_relaxed);
}

// All samplers have the same share.
void sampler::share_tombstone_room() noexcept {
  if (tombstone_room_ != 0) {
    const auto samplers =
        std::max<std::int64_t>(1, counts_.netns_sampled.load(std::memory_order_relaxed));
    table_.bound_tombstones(tombstone_room_ / static_cast<std::size_t>(samplers));
  }
  const auto now = static_cast<std::int64_t>(table_.tombstone_bytes());
  if (now != tombstones_counted_)
    counts_.tombstone_bytes.fetch_add(now - std::exchange(tombstones_counted_, now),
                                      std::memory_order_relaxed);
  const std::uint64_t dropped = table_.dropped_tombstones();
  if (dropped != dropped_tombstones_)
    counts_.tombstones_dropped.add(dropped - std::exchange(dropped_tombstones_, dropped));
}

sampler::~sampler() {
  counts_.tombstone_bytes.fetch_sub(tombstones_counted_, std::memory_order_relaxed);
  if (unheard_) counts_.netns_unheard.fetch_sub(1, std::memory_order_relaxed);
  counts_.detached_now.fetch_sub(detached_counted_, std::memory_order_relaxed);
}

// Of the first of many namespaces; how many there are a metric tells.
void sampler::say_ends_unheard() {
  const std::error_code why = source_.ends_unheard();
  unheard_ = static_cast<bool>(why);
  if (!unheard_ || counts_.netns_unheard.fetch_add(1, std::memory_order_relaxed) > 0) return;
  log(event::ends_unheard, {.error = why}, "connections end without final counters{}: {}{}", where_,
      is_errno(why, ETIMEDOUT) ? "the kernel grants to tell of ends, and is silent"
                               : "the kernel refuses to tell of ends: ",
      is_errno(why, ETIMEDOUT) ? std::string() : why.message());
}

void sampler::say_failed_poll(const std::error_code& ec) {
  counts_.failed_polls.add();
  poll_limit_.log(now_ns_, event::poll_failed, {.error = ec},
                  "poll {} failed{}: {} (no connection is taken for closed by it)", poll_, where_,
                  ec.message());
}

// Sampling goes on; it is tried again, which the source sees to.
void sampler::say_no_reconciler(const std::error_code& ec) {
  counts_.netns_faults.add();
  if (std::exchange(said_no_reconciler_, true)) return;
  log(event::netns_fault, {.error = ec},
      "cannot start the thread of the reconciler{}: {} (sampling by events goes on, missed changes "
      "are not found meanwhile; tried again every 10 seconds)",
      where_, ec.message());
}

std::error_code sampler::poll_once() {
  now_ns_ = system_.monotonic_ns();
  read_ns_ = system_.realtime_ns();
  polls_observed_.begin();
  const bool walks = must_walk_ || ending_ || now_ns_ < walk_until_ns_;
  // What was asked for since the last walk is not evidence that it is there now.
  if (walks) table_.begin_cycle();
  const poll_report report = walks ? source_.walk(*this) : source_.poll(*this);
  if (walks && report.complete) must_walk_ = false;
  // Who gives single messages is told of each; what a walk showed only another shows again.
  must_walk_ = (refused_ && report.complete) || must_walk_;
  repeat_ = refused_ = false;
  poll_duration_ns_ = report.duration_ns;
  polls_observed_.end(report, table_.flows());
  counts_.complete_polls.add(report.complete ? 1 : 0);
  counts_.active_sockets.add(report.marks);
  counts_.dropped_activity.add(report.dropped);
  counts_.missed_activity.add(report.missed);
  counts_.queries.add(report.queries);
  counts_.reconciled.add(report.reconciled);
  counts_.missed_changes.add(report.unannounced);
  if (report.no_reconciler) say_no_reconciler(report.no_reconciler);
  counts_.sockets_seen.add(std::exchange(sockets_seen_, 0));
  counts_.polls.add();
  share_tombstone_room();
  look_for_ended();
  forget_minis();
  if (report.complete) {
    look_for_missing();
    drain_events();
    if (ending_ && !source_.ends_unheard()) await_last_events();
    confirm_missing();
  } else if (!report.error) {
    // Those that moved were looked at: nothing is known of the others. Messages about ends wait for
    // the time between polls, which ends at once where there are any.
    if (!missing_.empty()) drain_events();
    confirm_missing();
    if (now_ns_ - closed_aged_ns_ >= closed_age_ns) {
      closed_aged_ns_ = now_ns_;
      table_.age_closed();
    }
  } else {
    table_.end_cycle(false, now_ns_, nullptr, nullptr);
  }
  return report.error;
}

// Unless they are woken soon enough at the next occasion. A ring that fills wakes its writer
// sooner, see push().
void sampler::wake_writers(std::int64_t next_ns) noexcept {
  observed_.snapshots_taken(std::exchange(snapshots_taken_, 0));
  if (pushed_ && (!pending_.empty() || !may_wake_later(settings_, woken_ns_, next_ns))) {
    for (const auto& w : writers_) w->wake();
    pushed_ = false;
    woken_ns_ = now_ns_;
  }
  nudged_.assign(writers_.size(), false);
}

// Connections that the new exclusions name end in the archive, though not in the kernel.
void sampler::forget_unwanted() {
  std::vector<std::uint64_t> unwanted;
  bool out_of_memory = false;
  table_.for_each([&](const message& m) noexcept {
    try {
      if (unwanted_.get().excludes(m)) unwanted.push_back(m.cookie());
    } catch (const std::bad_alloc&) {
      out_of_memory = true;
    }
  });
  must_forget_ = out_of_memory;
  for (const std::uint64_t cookie : unwanted) {
    const std::int64_t time_ns = system_.realtime_ns();
    if (!push_gone(cookie)) {
      must_forget_ = true;  // the ring is full: the next poll tries again
      continue;
    }
    table_.erase(cookie);
    told_.erase(cookie);
    tell_closed(cookie, time_ns);
  }
  detached_.erase_if([&](const message& last) { return unwanted_.get().excludes(last); });
  set_detached_count();
}

// Said once a window, and only where it is more than a hiccup.
void sampler::count_missed(std::uint64_t ticks) {
  constexpr std::int64_t window_ns = 10'000'000'000;
  counts_.missed_ticks.add(ticks);
  if (now_ns_ - window_begin_ns_ >= window_ns) {
    window_begin_ns_ = now_ns_;
    window_missed_ = 0;
    window_said_ = false;
  }
  window_missed_ += ticks;
  const auto due = static_cast<std::uint64_t>(window_ns / settings_.interval_ns);
  if (window_said_ || window_missed_ * 100 <= due) return;
  window_said_ = true;
  tick_limit_.log(
      now_ns_, event::ticks_missed, {},
      "the interval of {} is not kept{}: {} ticks missed in the last {} (a poll took {})",
      text::format_duration(settings_.interval_ns), where_, window_missed_,
      text::format_duration(rounded(now_ns_ - window_begin_ns_)),
      text::format_duration(rounded(poll_duration_ns_)));
}

// Until when nothing needs to be polled, unless something happens; 0: there is something.
std::int64_t sampler::rest() noexcept {
  const bool busy = must_walk_ || must_forget_ || !pending_.empty() || !missing_.empty() ||
                    now_ns_ < walk_until_ns_ || settings_.reps > 0;
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

// False where the attendant ends it. Where the source rests, `tick` becomes a later one: the first
// after something has happened.
bool sampler::wait_for_tick(std::uint64_t& tick, attendant& company) {
  std::int64_t rest_until_ns = rest();
  // The wait tells whether the attendant is asked for. Polls that always take longer than the
  // interval leave nothing to wait for: then it is asked. An idle tick of a source that follows
  // events costs little more than waking up: nothing is looked at of which the wait has told that
  // there is nothing.
  for (bool waited = false;; waited = true) {
    now_ns_ = system_.monotonic_ns();
    const bool tells = company.descriptor() >= 0 && (rest_until_ns != 0 || now_ns_ < time_of(tick));
    const bool unasked = !waited && !tells;
    if ((unasked || asked_for_ || now_ns_ >= company.due_ns()) && !company.attend(now_ns_)) {
      if (rest_until_ns != 0) end_rest(tick, tick_at(now_ns_));
      return false;
    }
    if (rest_until_ns != 0 && now_ns_ >= rest_until_ns) {
      rest_until_ns = 0;
      end_rest(tick, tick_at(now_ns_));
    } else if (rest_until_ns != 0 && (asked_for_ || !source_.rests())) {
      // What was asked for may be for the next poll to do.
      rest_until_ns = 0;
      end_rest(tick, tick_at(now_ns_ - 1) + 1);
    }
    asked_for_ = false;
    const std::int64_t until_ns = rest_until_ns != 0 ? rest_until_ns : time_of(tick);
    wake_writers(std::max(until_ns, now_ns_));
    if (now_ns_ >= until_ns) return true;
    std::int64_t wake_ns = std::min(until_ns, company.due_ns());
    // The last part is a wait of its own, which ends in time.
    if (wake_ns - now_ns_ > long_wait_ns) wake_ns -= (wake_ns - now_ns_) / 500;
    const os::readable found = system_.wait(source_.descriptor(), company.descriptor(), wake_ns);
    asked_for_ = found.b;
    if (!found.a && pending_.empty()) continue;
    now_ns_ = system_.monotonic_ns();
    drain_events();
  }
}

std::uint64_t sampler::tick_at(std::int64_t now_ns) const noexcept {
  return now_ns <= start_ns_
             ? 0
             : static_cast<std::uint64_t>((now_ns - start_ns_) / settings_.interval_ns);
}

// The next tick that is still to come. Those the poll ran past are missed, never made up for; those
// left out to keep the budget are no misses, for they were not wanted.
std::uint64_t sampler::next_tick(std::uint64_t tick) {
  now_ns_ = system_.monotonic_ns();
  const std::uint64_t next = std::max(tick, tick_at(now_ns_)) + 1;
  count_missed(next - tick - 1);
  if (settings_.cpu_budget <= 0) return next;
  const std::int64_t from_ns = budget_.next_poll_ns(now_ns_, system_.processor_ns());
  const std::uint64_t allowed = std::max(next, tick_at(from_ns - 1) + 1);
  counts_.budget_ticks.add(allowed - next);
  return allowed;
}

std::error_code sampler::run(attendant& company) {
  if (const auto ec = table_.reset({})) return ec;
  nudged_.assign(writers_.size(), false);
  say_ends_unheard();
  overflows_ = overflows_at_start_ = source_.event_overflows();
  window_begin_ns_ = system_.monotonic_ns();
  std::int64_t previous_ns = 0;
  std::uint64_t tick = tick_at(window_begin_ns_);
  for (;;) {
    const std::int64_t begun_ns = system_.monotonic_ns();
    if (!first_look_) {
      intervals_.add(begun_ns - previous_ns);
      observed_.interval(begun_ns - previous_ns);
    }
    previous_ns = begun_ns;
    poll_ = tick + 1;
    company.before_poll();
    const bool renewed = unwanted_.renew();
    may_be_old_ = first_look_ || renewed;
    must_forget_ = must_forget_ || renewed;
    must_walk_ = must_walk_ || renewed;
    if (must_forget_) {
      source_.expect_long();
      forget_unwanted();
    }
    const auto ec = poll_once();
    if (ec && first_look_) return ec;
    if (ec) say_failed_poll(ec);
    first_look_ = false;
    tick = next_tick(tick);
    if (!company.after_poll({now_ns_, !ec, table_.flows(), idle_ticks_})) break;
    const std::uint64_t next = tick;
    ending_ = !wait_for_tick(tick, company);
    if (ending_) break;
    // Ticks without a poll were kept all the same.
    if (tick != next) previous_ns = time_of(tick - 1);
  }
  company.ending();
  poll_ = tick + 1;
  finish();
  return {};
}

// The kernel may take its time to tell of an end, seconds where thousands close at once.
void sampler::await_last_events() {
  const std::int64_t deadline_ns = system_.monotonic_ns() + last_events_ns;
  const auto unknown = [this](const missing& one) { return !knows(one.cookie); };
  for (;;) {
    std::erase_if(missing_, unknown);
    const std::int64_t time_ns = system_.monotonic_ns();
    if (missing_.empty() || time_ns >= deadline_ns) return;
    (void)system_.wait(source_.descriptor(), -1, time_ns + last_events_step_ns);
    drain_events();
    wake_writers(never);
  }
}

// A last look finds what has closed since the one before: its messages may not have come yet, or
// have been dropped, and there will be no later poll to miss it. After the number of polls that was
// asked for there is no other.
void sampler::finish() {
  source_.expect_long();
  now_ns_ = system_.monotonic_ns();
  drain_events();
  ending_ = ending_ || overflows_ != overflows_at_start_;
  if (ending_)
    if (const auto ec = poll_once()) say_failed_poll(ec);
  const std::int64_t deadline_ns = now_ns_ + last_wait_ns;
  while (!pending_.empty() && system_.monotonic_ns() < deadline_ns) {
    wake_writers(never);
    (void)system_.wait(-1, -1, system_.monotonic_ns() + 1'000'000);
    retry_pending();
  }
  counts_.lost_backlog.add(pending_.size());
  wake_writers(never);
}

}  // namespace tcpinfo::collect
