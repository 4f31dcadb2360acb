// SPDX-License-Identifier: Apache-2.0
#include "collect/sampling/events/event_source.h"

#include <tcpinfo/internal/expected_flow.h>
#include <tcpinfo/tcp.h>

#include <algorithm>
#include <new>
#include <utility>

#include "collect/sampling/connection_states.h"

namespace tcpinfo::collect {
namespace {

// So many messages before it is compared, a flow's place in the table is fetched from memory.
constexpr std::size_t expected_ahead = 8;
// The library sends and reads so many queries at once.
constexpr std::size_t queries_a_batch = 64;
constexpr std::int64_t totals_interval_ns = 1'000'000'000;
// The reconciler hurries when missed events are more than one in so many entries of the feed.
constexpr std::uint64_t many_missed = 200;
// Where the system had no thread for the reconciler, the source asks again after so long.
constexpr std::int64_t thread_retry_ns = 10'000'000'000;

bool is_connection(unsigned state) noexcept {
  return state < 32 && (connection_states >> state & 1U) != 0;
}

}  // namespace

/// Hands on what a dump shows, and sees to stall times and to the order of openings and ends.
class event_source::dump_sink final : public message_sink {
 public:
  enum class extent : std::uint8_t {
    whole,
    whole_in_row,  ///< one of several in a row; only the last one starts the stall times
    part,          ///< nobody dumps again because of one that was not kept
  };
  dump_sink(event_source& self, message_sink& to, extent how) noexcept
      : self_(self), to_(to), how_(how), now_ns_(self.monotonic_ns_()) {}

  void on_datagram() noexcept override { to_.on_datagram(); }
  socket_outcome on_socket(const message& m) noexcept override {
    const socket_outcome outcome = to_.on_socket(m);
    if (how_ == extent::part && outcome == socket_outcome::not_kept)
      self_.plan_.query_again(m.id());
    if (how_ != extent::whole_in_row) self_.plan_.note_stall(m, query_reason::suspected, now_ns_);
    return outcome;
  }
  void on_destroyed(const message& m) noexcept override {
    // The sink must hear of an opening before the end.
    self_.take_activity(to_);
    to_.on_destroyed(m);
  }

 private:
  event_source& self_;
  message_sink& to_;
  const extent how_;
  const std::int64_t now_ns_;
};

event_source::event_source(const source_options& options, parts from)
    : options_(options),
      dumps_(std::move(from.dumps)),
      feed_(std::move(from.feed)),
      background_(std::move(from.background)),
      start_thread_(std::move(from.start_thread)),
      monotonic_ns_(std::move(from.monotonic_ns)),
      cpu_ns_(std::move(from.cpu_ns)),
      plan_(options.exclude),
      wait_(*feed_),
      urgency_(options.urgent_ns, std::move(from.be_urgent)) {}

std::error_code event_source::open() {
  if (const auto ec = dumps_->open()) return ec;
  // The first poll dumps: activity before it is of no interest.
  struct : activity_sink {
    void on_activity(const activity&) noexcept override {}
  } nobody;
  feed_->take(nobody);
  dropped_ = feed_->dropped();
  totals_ = feed_->totals();
  feed_->mute(false);
  if (background_ != nullptr) {
    reconciler_ = std::make_unique<reconciler>(std::move(background_), options_.reconcile_ns);
    suspects_ = std::make_unique<suspect_list>(*reconciler_, cost_);
    // Where that fails the first poll tries again, and reports it.
    (void)reconciler_->start(start_thread_);
  }
  const int results = reconciler_ == nullptr ? -1 : reconciler_->descriptor();
  // A wait that results cannot end would be too long.
  if (reconciler_ == nullptr || results >= 0) wait_.open(dumps_->descriptor(), results);
  return {};
}

// Where the system gives no thread, sampling by events goes on, and nobody finds missed changes
// meanwhile.
void event_source::start_reconciler(poll_report& report) noexcept {
  if (reconciler_ == nullptr || reconciler_->runs()) return;
  const std::int64_t now_ns = monotonic_ns_();
  if (now_ns < reconciler_due_ns_) return;
  reconciler_due_ns_ = now_ns + thread_retry_ns;
  report.no_reconciler = reconciler_->start(start_thread_);
}

void event_source::on_activity(const activity& a) noexcept {
  if (a.state == static_cast<std::uint8_t>(tcp_state::close)) {
    // No query would find it. It may have had no port yet.
    connecting_.forget(a.id.cookie);
    return sink_->on_ended(a.id.cookie, a.time_ns);
  }
  const bool begins = a.state == static_cast<std::uint8_t>(tcp_state::syn_sent);
  const bool opens = a.state_changed && a.id.cookie != 0 &&
                     (begins || a.state == static_cast<std::uint8_t>(tcp_state::established));
  if ((opens || begins) && plan_.excludes(a.id)) return;
  if (opens) sink_->on_opening(a.id.cookie, a.time_ns);
  plan_.add(a);
  try {
    connecting_.note(a);
  } catch (const std::bad_alloc&) {
    plan_.set_incomplete();
  }
}

void event_source::take_activity(message_sink& sink) noexcept {
  sink_ = &sink;
  feed_->take(*this);
  sink_ = nullptr;
}

std::error_code event_source::drain(message_sink& sink) noexcept {
  // The sink must hear of an opening before the end.
  take_activity(sink);
  if (rests())
    wait_.go_on();  // all activity was of excluded connections
  else
    wait_.end();
  dump_sink told(*this, sink, dump_sink::extent::part);
  return dumps_->drain(told);
}

// The sampler may sleep where the source has nothing left to do: whatever comes next comes from the
// kernel or the reconciler, and wakes it.
std::int64_t event_source::rest() noexcept {
  if (!wait_.may_begin() || !nothing_came() || cost_.in_row() || plan_.has_again() ||
      !connecting_.empty() || (suspects_ != nullptr && !suspects_->empty()) || !wait_.begin())
    return 0;
  return idle_wait::longest_until(monotonic_ns_(), plan_.stalls());
}

bool event_source::nothing_came() const noexcept {
  return plan_.added().empty() && !plan_.is_incomplete() &&
         (reconciler_ == nullptr || !reconciler_->is_ready());
}

poll_report event_source::poll(message_sink& sink) noexcept {
  wait_.end();
  if (cost_.in_row()) return dump_in_row(sink);
  tick_ = feed_->begin_tick();
  take_activity(sink);
  cost_.note_drops(feed_->dropped() != dropped_);
  if (cost_.drops_persist()) return dump_in_row(sink);
  if (cost_.has_drops() || plan_.is_incomplete()) return dump(sink);

  poll_report report;
  report.active = plan_.added().size();
  if (suspects_ != nullptr) suspects_->count_missed(plan_.added(), report);
  const std::int64_t now_ns = monotonic_ns_();
  plan_.begin();
  try {
    plan_.plan_active(tick_, now_ns);
    // Only the plan knows the number of queries: activity may be of excluded connections, or
    // several times of one socket. Many active sockets begin a row of dumps, because as many will
    // be active in the next ticks. Many stall times that are due at once cause one dump.
    const bool many_active = cost_.is_dump_cheaper(plan_.queries().size());
    if (!many_active) plan_.plan_stalled(now_ns);
    if (many_active || cost_.is_dump_cheaper(plan_.queries().size())) {
      poll_report dumped = many_active ? dump_in_row(sink) : dump(sink);
      dumped.missed_changes += report.missed_changes;
      return dumped;
    }
    if (reconciler_ != nullptr) {
      reconciler_->hold(false);
      suspects_->plan_some(plan_, flows_, sink, report);
    }
  } catch (const std::bad_alloc&) {
    plan_.set_incomplete();
  }
  plan_.forget_activity();
  wait_.note_poll(plan_.queries().empty());
  urgency_.expect(cost_.expected_ns(plan_.queries().size()));
  query_planned(sink, report);
  dump_connecting_sockets(sink, report);
  count_missed_events(now_ns, report);
  start_reconciler(report);
  return report;
}

// While dumps are the cheaper way, the BPF programs tell of changes of state only: activity costs
// something, too.
poll_report event_source::dump_in_row(message_sink& sink) noexcept {
  if (!cost_.in_row()) {
    cost_.begin_row();
    feed_->mute(true);
    // Polls that dump miss nothing: there is nothing to reconcile.
    if (reconciler_ != nullptr) reconciler_->hold(true);
  } else if (cost_.next_in_row()) {
    feed_->mute(false);
  }
  return dump(sink);
}

// A dump shows all sockets: it makes up for all activity before it.
poll_report event_source::dump(message_sink& sink) noexcept {
  urgency_.end();
  wait_.end();
  wait_.note_poll(false);
  plan_.begin_dump();
  tick_ = feed_->begin_tick();
  take_activity(sink);
  const std::uint64_t active = plan_.added().size();
  plan_.replace_by_dump(tick_);
  if (suspects_ != nullptr) suspects_->begin_dump();
  const std::uint64_t dropped = feed_->dropped();
  const std::int64_t cpu_ns = cpu_ns_();
  dump_sink shown(*this, sink,
                  cost_.in_row() ? dump_sink::extent::whole_in_row : dump_sink::extent::whole);
  poll_report report = dumps_->dump(shown);
  report.active += active;
  report.dropped += dropped - std::exchange(dropped_, dropped);
  if (report.complete) {
    cost_.note_dump(cpu_ns_() - cpu_ns);
    if (suspects_ != nullptr) suspects_->settle_by_dump(flows_, report);
  } else {
    plan_.set_incomplete();  // the activity is forgotten, and the dump did not make up for it
  }
  start_reconciler(report);
  return report;
}

/// The queries of one poll.
struct event_source::batch {
  event_source& self;
  message_sink& sink;
  poll_report& report;
  std::int64_t now_ns;
  std::size_t number;  // of the batch whose answers come
};

void event_source::expect_planned(std::size_t at) const noexcept {
  if (flows_ != nullptr && at < ids_.size()) expect_flow(*flows_, ids_[at].cookie);
}

void event_source::query_planned(message_sink& sink, poll_report& report) noexcept {
  ids_.clear();
  try {
    ids_.reserve(plan_.queries().size());
    for (const planned_query& q : plan_.queries()) ids_.push_back(q.id);
  } catch (const std::bad_alloc&) {
    plan_.set_incomplete();
    return;
  }
  for (std::size_t i = 0; i < expected_ahead; ++i) expect_planned(i);
  const std::int64_t begun_ns = monotonic_ns_();
  const std::int64_t cpu_ns = cpu_ns_();
  batch all{*this, sink, report, begun_ns, ids_.size()};
  dumps_->query_all(
      ids_,
      [](void* user, const query_answer& a) noexcept {
        auto& of = *static_cast<batch*>(user);
        of.self.take_answer(of, a);
        return iteration::go_on;
      },
      &all);
  report.queries += ids_.size();
  report.duration_ns += monotonic_ns_() - begun_ns;
  cost_.note_queries(ids_.size(), cpu_ns_() - cpu_ns);
}

void event_source::take_answer(batch& of, const query_answer& a) noexcept {
  const planned_query& q = plan_.queries()[a.index];
  // The kernel has answered a batch when it has been sent, and the library reads it at once.
  if (of.number != a.index / queries_a_batch) {
    of.number = a.index / queries_a_batch;
    of.sink.on_datagram();
  }
  expect_planned(a.index + expected_ahead);
  if (a.error) {
    plan_.forget_stall(q.id.cookie);
    // It has ended since. Its destroy event tells of that.
    if (is_gone(a.error)) return;
    plan_.set_incomplete();
    if (!of.report.error) of.report.error = a.error;
    return;
  }
  // A mini socket, left of a closed one. Dumps leave those out.
  if (!is_connection(static_cast<unsigned>(a.answer.state())))
    return plan_.forget_stall(a.answer.cookie());
  ++of.report.messages;
  of.report.bytes += static_cast<std::int64_t>(a.answer.bytes.size());
  plan_.note_stall(a.answer, q.why, of.now_ns);
  const socket_outcome outcome = of.sink.on_socket(a.answer);
  if (q.why == query_reason::suspected &&
      (outcome == socket_outcome::changed || outcome == socket_outcome::not_kept))
    suspects_->note_change(q.id.cookie);
  if (outcome == socket_outcome::not_kept) plan_.query_again(a.answer.id());
}

// Few sockets are in SYN_SENT, or none, but the kernel looks at all to find them.
void event_source::dump_connecting_sockets(message_sink& sink, poll_report& report) noexcept {
  if (connecting_.empty() || !connecting_.take_due(monotonic_ns_())) return;
  urgency_.end();
  dump_sink shown(*this, sink, dump_sink::extent::part);
  const poll_report found = dumps_->dump_connecting(shown);
  report.duration_ns += found.duration_ns;
  if (!report.error) report.error = found.error;
}

// Where the kernel has shown the BPF programs too few events, the reconciler dumps soon.
void event_source::count_missed_events(std::int64_t now_ns, poll_report& report) noexcept {
  if (now_ns < totals_due_ns_) return;
  totals_due_ns_ = now_ns + totals_interval_ns;
  const activity_totals now = feed_->totals();
  const activity_totals before = std::exchange(totals_, now);
  report.missed_events = now.missed - before.missed;
  if (report.missed_events * many_missed > now.taken - before.taken && reconciler_ != nullptr)
    reconciler_->hurry();
}

}  // namespace tcpinfo::collect
