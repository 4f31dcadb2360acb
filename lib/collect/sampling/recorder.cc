// SPDX-License-Identifier: Apache-2.0
#include "collect/sampling/recorder.h"

#include <tcpinfo/archive.h>
#include <tcpinfo/tcp.h>

#include <algorithm>
#include <new>
#include <utility>

#include "collect/sampling/close_patience.h"

namespace tcpinfo::collect {
namespace {

// Final messages that wait for room in a queue.
constexpr std::size_t pending_limit = std::size_t{32} << 20;

// Finer times of records tell nothing (a message is as old as the reading of its datagram took),
// and cost three bytes each.
std::int64_t rounded_down(std::int64_t ns) noexcept {
  constexpr std::int64_t step_ns = 100'000;
  return ns - ns % step_ns;
}

// The kernel's ages are counted in ticks of its own, of 10 ms at most.
constexpr std::int64_t ages_are_off_ns = 20'000'000;

socket_outcome outcome_of(flow_change change) noexcept {
  return change == flow_change::stall_times ? socket_outcome::stall_times : socket_outcome::changed;
}

}  // namespace

recorder::recorder(const sampler_context& context, const sampled_netns& where,
                   const poll_state& poll, poll_observer& polls, flow_table& table)
    : system_(context.system),
      prefixes_(context.prefixes),
      earlier_(context.earlier),
      counts_(context.counts),
      observed_(context.seen),
      listener_(context.listener),
      netns_(where.number),
      unwanted_(where.unwanted),
      poll_(poll),
      polls_(polls),
      table_(table),
      policy_(context.settings.limits),
      thinning_(context.settings.limits.thin_ns, context.counts.thin_records),
      writers_(context.system, context.settings, context.writers) {}

recorder::~recorder() {
  counts_.detached_now.fetch_sub(detached_counted_, std::memory_order_relaxed);
}

recorder::opening recorder::opening_of(const message& m) const noexcept {
  opening what{m.id(), {}};
  if (listener_ != nullptr) what.clues.add(m);
  return what;
}

void recorder::tell_opened(const opening& what, std::int64_t time_ns) noexcept {
  observed_.flows_opened.add();
  if (listener_ != nullptr) listener_->opened(what.id, time_ns, what.clues);
}

void recorder::tell_closed(std::uint64_t cookie, std::int64_t time_ns) noexcept {
  observed_.flows_closed.add();
  if (listener_ != nullptr) listener_->closed(cookie, time_ns);
}

// The socket is another connection now.
void recorder::tell_reused(const opening& what, std::int64_t time_ns) noexcept {
  tell_closed(what.id.cookie, time_ns);
  tell_opened(what, time_ns);
}

snapshot_header recorder::header_of(const message& m, std::int64_t time_ns) const noexcept {
  snapshot_header header;
  header.cookie = m.cookie();
  header.prefix = prefixes_.current();
  header.netns = netns_;
  header.time_ns = time_ns;
  return header;
}

// Of a change that was left out the next record tells how many they were, and the table has what it
// came to. Where no other record of the connection comes it is one after all. False: no room.
bool recorder::push_left_out(std::uint64_t cookie) noexcept {
  thinning::flow* const thinned = thinning_.find(cookie);
  message last;
  if (thinned == nullptr || thinned->left_out == 0 || !table_.find(cookie, last)) return true;
  snapshot_header header = header_of(last, thinned->left_out_time_ns);
  header.poll = thinned->left_out_poll;
  header.thinned = thinned->left_out - 1;
  if (!push(header, last.bytes)) return false;
  ++snapshots_;
  thinning_.recorded_late(*thinned);
  return true;
}

// Tells the writer that nothing more comes of the connection.
bool recorder::push_gone(std::uint64_t cookie) noexcept {
  if (!policy_.chooses(cookie)) return true;
  if (!push_left_out(cookie)) return false;
  snapshot_header header;
  header.cookie = cookie;
  header.kind = snapshot_kind::ended_without_event;
  return push(header, {});
}

void recorder::count_opened(const snapshot_header& first) noexcept {
  if (!policy_.chooses(first.cookie)) {
    counts_.sample_connections.add();
    return;
  }
  counts_.connections.add();
  counts_.finals_only_connections.add(first.finals_only);
}

// A change, as far as the operator's limits want it: what they leave out is in the table all the
// same, so that its connection is told of and compared with.
recorder::offered recorder::offer_by_policy(snapshot_header& header,
                                            const flow_update& update) noexcept {
  if (!policy_.chooses(header.cookie)) {
    counts_.sample_records.add();
    return offered::left_out;
  }
  if (update.change == flow_change::reused && !push_left_out(header.cookie))
    return offered::no_room;
  if (!policy_.keeps_final_only(update.current)) return offer_thinned(header, update);
  header.finals_only = 1;
  if (update.known == 0 || update.change == flow_change::reused) {
    // The writer learns when it began, and that a connection before has ended.
    header.kind = snapshot_kind::followed;
    if (!push(header, update.current.bytes)) return offered::no_room;
    thinning_.forget(header.cookie);
  }
  counts_.finals_only_records.add();
  return offered::left_out;
}

recorder::offered recorder::offer_thinned(snapshot_header& header,
                                          const flow_update& update) noexcept {
  const bool opens = update.known == 0 || update.change == flow_change::reused;
  thinning::flow* const known = opens ? nullptr : thinning_.find(header.cookie);
  // In a run's last poll there is no record to come that could tell what was left out.
  if (known != nullptr && !poll_.last && !thinning_.is_due(*known, poll_.now_ns)) {
    message before;
    if (table_.find(header.cookie, before) && !tells_of_trouble(before, update.current)) {
      thinning_.leave_out(*known, header.time_ns, header.poll);
      return offered::left_out;
    }
  }
  if (known != nullptr) header.thinned = known->left_out;
  if (!push(header, update.current.bytes)) return offered::no_room;
  if (opens) {
    thinning_.begin(header.cookie, poll_.now_ns);
  } else if (known != nullptr) {
    thinning_.recorded(*known, poll_.now_ns);
  }
  return offered::recorded;
}

bool recorder::record(const flow_update& update) noexcept {
  const std::int64_t time_ns = read_ns_;
  const bool reused = update.change == flow_change::reused;
  const bool opens = update.known == 0 || reused;
  snapshot_header header = header_of(update.current, rounded_down(time_ns));
  header.kind = reused ? snapshot_kind::reused : snapshot_kind::data;
  header.poll = poll_.number;
  header.may_be_old = poll_.may_show_old ? 1 : 0;
  if (opens) {
    header.opened_ns = std::min(told_.get(update.current.cookie()).opened_ns, time_ns);
    // No record is older than its connection.
    header.time_ns = std::max(header.time_ns, header.opened_ns);
  }
  offered what = offered::recorded;
  if (policy_.leaves_out())
    what = offer_by_policy(header, update);
  else if (!push(header, update.current.bytes))
    what = offered::no_room;
  if (what == offered::no_room) {
    // Not committed: the next poll finds the connection changed again, and tries again.
    counts_.lost_queue.add();
    return false;
  }
  if (what == offered::recorded) ++snapshots_;
  opening what_opens;
  if (opens) what_opens = opening_of(update.current);
  if (update.known == 0) count_opened(header);
  // Where memory runs out here the next poll records it once more: a record too many, none lost.
  if (table_.commit(update) || !opens) return true;
  const std::int64_t opened_ns = header.opened_ns != 0 ? header.opened_ns : time_ns;
  if (reused)
    tell_reused(what_opens, opened_ns);
  else
    tell_opened(what_opens, opened_ns);
  const std::uint64_t cookie = what_opens.id.cookie;
  told_.forget_opened(cookie);
  // Its socket was detached and has been connected again.
  detached_.erase(cookie);
  count_detached();
  return true;
}

socket_outcome recorder::on_socket(const message& m) noexcept {
  ++seen_;
  polls_.see(m);
  flow_update update;
  if (table_.update(m, poll_.now_ns, update)) {
    not_kept_ = true;
    return socket_outcome::not_kept;
  }
  if (update.change == flow_change::none) return socket_outcome::unchanged;
  // Of a known connection this was asked when it opened.
  if (update.known == 0 && (unwanted_.get().excludes(m) || opens_nothing(m)))
    return socket_outcome::unchanged;
  const socket_outcome outcome = outcome_of(update.change);
  if (record(update)) return outcome;
  not_kept_ = true;
  return socket_outcome::not_kept;
}

bool recorder::knows(std::uint64_t cookie) const noexcept {
  message last;
  return table_.find(cookie, last);
}

// A socket may open again that has ended: a program has disconnected it.
void recorder::on_opening(std::uint64_t cookie, std::int64_t time_ns) noexcept try {
  const told_times::times* const told = told_.find(cookie);
  const bool ended = told != nullptr && told->ended_ns != 0;
  if (!ended && (told != nullptr || knows(cookie))) return;
  told_.set_opened(cookie, wall_ns(time_ns));
} catch (const std::bad_alloc&) {
  // The record then has the time of its poll.
}

void recorder::on_ended(std::uint64_t cookie, std::int64_t time_ns) noexcept try {
  if (told_.find(cookie) == nullptr && !knows(cookie)) return;
  told_.set_ended(cookie, wall_ns(time_ns), time_ns);
} catch (const std::bad_alloc&) {
  // Dumps find that it is missing.
}

// A mini socket of an unknown cookie is what is left of a connection that its destroy event has
// told of, under another cookie; while destroy events are heard it opens nothing. At the start and
// after an overflow the event may have been missed, and the mini socket is all there is, unless an
// earlier run has recorded it (docs/design.md, "Closing on evidence").
bool recorder::opens_nothing(const message& m) noexcept {
  if (m.find(attribute_type::info)) return false;
  const std::uint64_t cookie = m.cookie();
  // Its close has been told already.
  if (is_detached(cookie)) return true;
  if (!poll_.hears_ends && !minis_.contains(cookie)) return earlier_.is_recorded(cookie);
  try {
    // Remembered, so that it opens nothing after an overflow either. Its own destroy event, where
    // it has the same cookie, may be still to come.
    minis_.add(cookie, poll_.now_ns);
  } catch (const std::bad_alloc&) {
    // Then an overflow makes a connection of it.
  }
  return true;
}

// Puts a detached connection back into the table. False where memory runs out.
bool recorder::restore(const detached_flows::flow& held) noexcept {
  message known;
  if (table_.find(held.cookie(), known)) return true;
  flow_update before;
  return !table_.update({held.last}, poll_.now_ns, before) && !table_.commit(before);
}

// Whether a connection that no dump of this run has shown was alive after the first whole one: then
// it began behind that, and no earlier run has recorded it. What the kernel has cleared tells
// nothing.
bool recorder::began_here(const message& final, std::int64_t time_ns) const noexcept {
  const auto info = final.find(attribute_type::info);
  if (poll_.whole_dump_ns == 0 || !info) return false;
  const auto segments = tcp_value(*info, info_layout::unknown, tcp_field::segs_in);
  const auto ack_ms = tcp_value(*info, info_layout::unknown, tcp_field::last_ack_recv);
  if (!segments || *segments == 0 || !ack_ms) return false;
  const std::int64_t alive_ns = time_ns - static_cast<std::int64_t>(*ack_ms) * 1'000'000;
  return alive_ns - ages_are_off_ns > poll_.whole_dump_ns;
}

// Whether an earlier run has recorded a connection that this one has not seen. Of segments that is
// known by the cookie alone, which may be a fresh one of a batch that a processor took before.
bool recorder::is_of_earlier_run(const message& final, std::int64_t time_ns) const noexcept {
  const std::uint64_t cookie = final.cookie();
  return earlier_.find(cookie) != nullptr ||
         (earlier_.is_recorded(cookie) && !began_here(final, time_ns));
}

bool recorder::record_final(const message& m, std::int64_t time_ns) noexcept {
  const std::uint64_t cookie = m.cookie();
  const detached_flows::flow* const held = detached_.find(cookie);
  if (held != nullptr && !restore(*held)) return false;
  flow_update update;
  if (table_.destroyed(m, poll_.now_ns, update)) return false;
  const bool wanted =
      update.change != flow_change::none && (update.known != 0 || !unwanted_.get().excludes(m));
  if (!wanted) {
    told_.forget(cookie);
    return true;
  }
  const bool reused = update.reused != 0;
  const told_times::times told = told_.get(cookie);
  snapshot_header header = header_of(m, time_ns);
  header.kind = reused ? snapshot_kind::reused_final : snapshot_kind::final;
  // An earlier run of the collector has recorded the connection up to its end, or nearly. That
  // run's files have the prefix that this one began with. One whose opening was told in this run is
  // none of that run's.
  const bool goes_on = update.known == 0 && told.opened_ns == 0 && is_of_earlier_run(m, time_ns);
  if (goes_on) header.prefix = 0;
  header.may_be_old = held != nullptr || goes_on ? 1 : 0;
  if (update.known == 0 || reused) header.opened_ns = std::min(told.opened_ns, time_ns);
  const bool was_closed = held != nullptr && !reused;
  header.ended_ns = std::min(was_closed ? held->ended_ns : told.ended_ns, time_ns);
  header.poll = no_poll;
  header.carried = update.carried;
  if (policy_.chooses(cookie)) {
    header.finals_only = policy_.keeps_final_only(update.current) ? 1 : 0;
    // What was left out is of the connection before, where the socket was reused.
    if (reused && !push_left_out(cookie)) return false;
    if (const thinning::flow* const thinned = thinning_.find(cookie); thinned != nullptr)
      header.thinned = thinned->left_out;
    if (!push(header, update.current.bytes)) return false;
    ++snapshots_;
  } else {
    counts_.sample_records.add();
  }
  const opening what_opens = opening_of(update.current);
  (void)table_.commit(update);
  counts_.destroy_events.add();
  thinning_.forget(cookie);
  if ((update.carried & attribute_bit(attribute_type::info)) != 0) counts_.cleared_finals.add();
  told_.forget(cookie);
  // Its opening and its end have been told.
  const bool told_before = goes_on || was_closed;
  const bool opens = !told_before && (update.known == 0 || held != nullptr);
  const std::int64_t opened_ns = header.opened_ns != 0 ? header.opened_ns : time_ns;
  detached_.erase(cookie);
  count_detached();
  if (opens) {
    count_opened(header);
    tell_opened(what_opens, opened_ns);
  } else if (reused) {
    tell_reused(what_opens, opened_ns);
  }
  if (told_before) return true;
  // A connection that was detached all the time, though no dump has found that out, ended when its
  // TCP did.
  const bool late = told.ended_ns != 0 && time_ns - told.ended_ns >= absent_time_ns;
  tell_closed(cookie, late ? told.ended_ns : time_ns);
  return true;
}

void recorder::on_destroyed(const message& m) noexcept {
  if (pending_.empty() && record_final(m, read_ns_)) return;
  if (!knows(m.cookie()) && !is_detached(m.cookie()) && unwanted_.get().excludes(m)) return;
  // No poll shows it again: it waits here until the writer has room.
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

void recorder::retry_pending() noexcept {
  while (!pending_.empty()) {
    const pending_final& oldest = pending_.front();
    if (!record_final({oldest.bytes}, oldest.time_ns)) return;
    pending_bytes_ -= oldest.bytes.size();
    pending_.pop_front();
  }
}

bool recorder::end_without_event(std::uint64_t cookie, std::int64_t ended_ns, bool may_come) {
  message last;
  if (!table_.find(cookie, last)) return true;
  if (may_come) {
    try {
      counts_.detached_forgotten.add(detached_.add(last, ended_ns));
    } catch (const std::bad_alloc&) {
      return false;
    }
  }
  if (!push_gone(cookie)) {
    detached_.erase(cookie);
    return false;
  }
  count_detached();
  table_.erase(cookie);
  told_.forget(cookie);
  thinning_.forget(cookie);
  counts_.ended_unseen.add();
  tell_closed(cookie, ended_ns);
  return true;
}

bool recorder::end_excluded() {
  std::vector<std::uint64_t> excluded;
  bool all = true;
  table_.for_each([&](const message& m) noexcept {
    try {
      if (unwanted_.get().excludes(m)) excluded.push_back(m.cookie());
    } catch (const std::bad_alloc&) {
      all = false;
    }
  });
  for (const std::uint64_t cookie : excluded) {
    const std::int64_t time_ns = system_.realtime_ns();
    if (!push_gone(cookie)) {
      all = false;  // the queue is full
      continue;
    }
    table_.erase(cookie);
    told_.forget(cookie);
    thinning_.forget(cookie);
    tell_closed(cookie, time_ns);
  }
  detached_.erase_if([&](const message& last) { return unwanted_.get().excludes(last); });
  count_detached();
  return all;
}

// Adds the difference, because other samplers have their share in the sum.
void recorder::count_detached() noexcept {
  const auto now = static_cast<std::int64_t>(detached_.size());
  if (now == detached_counted_) return;
  counts_.detached_now.fetch_add(now - std::exchange(detached_counted_, now),
                                 std::memory_order_relaxed);
}

bool recorder::take_not_kept() noexcept { return std::exchange(not_kept_, false); }

void recorder::end_poll() noexcept {
  counts_.sockets_seen.add(std::exchange(seen_, 0));
  minis_.age(poll_.now_ns);
}

void recorder::end_run() noexcept { thinning_.end(); }

void recorder::wake_writers(std::int64_t next_ns) noexcept {
  observed_.snapshots_taken(std::exchange(snapshots_, 0));
  writers_.wake(poll_.now_ns, next_ns, !pending_.empty());
}

}  // namespace tcpinfo::collect
