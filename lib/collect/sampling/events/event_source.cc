// SPDX-License-Identifier: Apache-2.0
#include "collect/sampling/events/event_source.h"

#include <sys/epoll.h>
#include <tcpinfo/tcp.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <new>
#include <utility>

#include "collect/sampling/connection_states.h"

namespace tcpinfo::collect {
namespace {

// Where walks are cheaper, so many are made before it is tried again whether marks are: so nothing
// flutters.
constexpr int walks_in_a_row = 16;
// Sockets that the sink is told of before their messages come.
constexpr std::size_t expected_ahead = 8;
// That the library sends and reads at once.
constexpr std::size_t queries_a_batch = 64;
// Suspects asked for in one poll, a millisecond's worth; and looked at: the first walk suspects
// all.
constexpr std::size_t suspects_a_poll = 256;
constexpr std::size_t suspects_looked_at = 4096;
constexpr std::int64_t clock_interval_ns = clock_wheel::longest_ns;
// From an event to the first look where others are not told: see looks_between().
constexpr std::int64_t first_look_ns = clock_wheel::step_ns;
// A mark is made when something begins to happen: so long it may not have ended.
constexpr std::int64_t happening_ns = 50'000;
// So many polls in a row in which marks found no room are many marks, and no burst.
constexpr int drops_before_walks = 3;
constexpr std::int64_t misses_interval_ns = 1'000'000'000;
// One in so many marks.
constexpr std::uint64_t many_misses = 200;
// So many polls without anything, and the next mark is waited for: where there is always something,
// waiting for it would be one waking more each tick.
constexpr int quiet_before_rest = 4;
// Everything is in order when something is looked at now and then.
constexpr std::int64_t longest_rest_ns = 1'000'000'000;
constexpr std::int64_t rest_with_clocks_ns = 100'000'000;
// A first segment is sent at once, or waits for the address of the next hop.
constexpr std::int64_t connecting_patience_ns = 5'000'000;
constexpr std::int64_t connecting_interval_ns = 100'000'000;
// So long after a thread was not to be had it is asked for again.
constexpr std::int64_t thread_retry_ns = 10'000'000'000;
// Polls that are brief now and then are none to rely on.
constexpr int brief_before_urgent = 100;

// Cookies are handed out in order; these are all over the place. 32 bits.
std::size_t scattered(std::uint64_t cookie) noexcept { return cookie * 0x9e3779b97f4a7c15U >> 32U; }

// Nothing that happened once counts for much.
void approach(double& mean, double value) noexcept {
  mean += (std::min(value, 4 * mean) - mean) / 8;
}

// A message without attributes, for rules that look at the ends of a connection.
struct header_only {
  explicit header_only(const socket_id& id) noexcept {
    bytes[wire::family_at] = static_cast<std::byte>(id.src.family);
    const auto port = [this](std::size_t at, std::uint16_t value) {
      bytes[at] = static_cast<std::byte>(value >> 8U);
      bytes[at + 1] = static_cast<std::byte>(value & 0xffU);
    };
    port(wire::sport_at, id.sport);
    port(wire::dport_at, id.dport);
    std::memcpy(bytes + wire::src_at, id.src.bytes.data(), id.src.bytes.size());
    std::memcpy(bytes + wire::dst_at, id.dst.bytes.data(), id.dst.bytes.size());
  }
  [[nodiscard]] message view() const noexcept { return {bytes}; }

  std::byte bytes[wire::inet_diag_msg_size] = {};
};

bool listen(const collect::descriptor& any, int operation, int fd, std::uint32_t events) noexcept {
  epoll_event watch{.events = events, .data = {.fd = fd}};
  return ::epoll_ctl(any.get(), operation, fd, &watch) == 0;
}

// Of a connection in other states than ESTABLISHED no event tells of an acknowledgement that makes
// nothing be sent: what part of the time since its latest event is waited, each time, to look at it
// again. 0: events tell of everything.
int looks_between(unsigned state) noexcept {
  switch (static_cast<tcp_state>(state)) {
    // It goes on sending, with an answer on the way most often.
    case tcp_state::close_wait:
      return 8;
    // The last acknowledgement changes the state, and that is told.
    case tcp_state::fin_wait1:
    case tcp_state::last_ack:
    case tcp_state::closing:
      return 1;
    default:
      return 0;
  }
}

}  // namespace

void cookie_set::put(std::vector<entry>& to, std::uint64_t cookie) noexcept {
  for (std::size_t at = scattered(cookie);; ++at) {
    entry& e = to[at & (to.size() - 1)];
    if (e.round == round_) continue;
    e = {cookie, round_};
    return;
  }
}

bool cookie_set::add(std::uint64_t cookie) {
  if (2 * (size_ + 1) > entries_.size()) {
    std::vector<entry> larger(std::max<std::size_t>(256, 2 * entries_.size()));
    for (const entry& e : entries_)
      if (e.round == round_) put(larger, e.cookie);
    entries_ = std::move(larger);
  }
  for (std::size_t at = scattered(cookie);; ++at) {
    entry& e = entries_[at & (entries_.size() - 1)];
    if (e.round == round_ && e.cookie == cookie) return false;
    if (e.round == round_) continue;
    e = {cookie, round_};
    ++size_;
    return true;
  }
}

marked_source::marked_source(const source_options& options, parts from)
    : options_(options),
      walks_(std::move(from.walks)),
      feed_(std::move(from.feed)),
      beside_(std::move(from.beside)),
      start_thread_(std::move(from.start_thread)),
      monotonic_ns_(std::move(from.monotonic_ns)),
      cpu_ns_(std::move(from.cpu_ns)),
      be_urgent_(std::move(from.be_urgent)) {}

/// Hands on what a walk shows, and sees to what walks have no part in.
class marked_source::walking final : public message_sink {
 public:
  enum extent : std::uint8_t {
    whole,
    whole_among_many,  // others follow, which will start the clocks
    part,              // nobody walks again because one could not be kept
  };
  walking(marked_source& self, message_sink& to, extent how) noexcept
      : self_(self), to_(to), how_(how), now_ns_(self.monotonic_ns_()) {}

  void on_datagram() noexcept override { to_.on_datagram(); }
  void on_socket(const message& m) noexcept override {
    to_.on_socket(m);
    if (how_ == part && to_.must_repeat()) self_.ask_again(m.id());
    if (how_ != whole_among_many) self_.note_clock(m, reason::suspicion, now_ns_);
  }
  void on_destroyed(const message& m) noexcept override {
    // An end is told after its beginning.
    self_.take_marks(to_);
    to_.on_destroyed(m);
  }

 private:
  marked_source& self_;
  message_sink& to_;
  const extent how_;
  const std::int64_t now_ns_;
};

std::error_code marked_source::open() {
  if (const auto ec = walks_->open()) return ec;
  // What was marked before is of no interest: a walk comes first.
  struct : mark_sink {
    void on_mark(const mark&) noexcept override {}
  } nobody;
  feed_->take(nobody);
  dropped_ = feed_->dropped();
  totals_ = feed_->totals();
  feed_->mute(false);
  if (beside_)
    reconciler_ = std::make_unique<reconciler>(std::move(beside_), options_.reconcile_ns);
  // Where that fails the first poll tries again, and tells.
  if (reconciler_ != nullptr) (void)reconciler_->start(start_thread_);
  open_any();
  return {};
}

void marked_source::open_any() {
  if (feed_->descriptor() < 0) return;
  collect::descriptor any(::epoll_create1(EPOLL_CLOEXEC));
  const auto add = [&any](int fd, std::uint32_t events) {
    return listen(any, EPOLL_CTL_ADD, fd, events);
  };
  if (!any || !add(feed_->descriptor(), 0)) return;
  if (walks_->descriptor() >= 0 && !add(walks_->descriptor(), EPOLLIN)) return;
  if (reconciler_ != nullptr && !add(reconciler_->descriptor(), 0)) return;
  any_ = std::move(any);
}

// Where the system gives no thread, sampling goes on without what finds missed changes; the thread
// is asked for again.
void marked_source::start_reconciler(poll_report& report) noexcept {
  if (reconciler_ == nullptr || reconciler_->runs()) return;
  const std::int64_t now_ns = monotonic_ns_();
  if (now_ns < reconciler_due_ns_) return;
  reconciler_due_ns_ = now_ns + thread_retry_ns;
  report.no_reconciler = reconciler_->start(start_thread_);
}

void marked_source::begin_tick() noexcept { tick_ = feed_->begin_tick(); }

void marked_source::on_mark(const mark& m) noexcept {
  if (m.state == static_cast<std::uint8_t>(tcp_state::close)) {
    // There is nothing left to ask for. It may have had no port yet.
    if (!connecting_.empty()) connecting_.erase(m.id.cookie);
    return sink_->on_ended(m.id.cookie, m.time_ns);
  }
  const bool begins = m.state == static_cast<std::uint8_t>(tcp_state::syn_sent);
  const bool opens = m.state_changed && m.id.cookie != 0 &&
                     (begins || m.state == static_cast<std::uint8_t>(tcp_state::established));
  if ((opens || begins) && is_excluded(m.id)) return;
  if (opens) sink_->on_opening(m.id.cookie, m.time_ns);
  try {
    marks_.push_back(m);
    // It is given a port when its state has changed already. Its first segment marks it again, if
    // that can be sent.
    if (begins && m.id.sport == 0)
      connecting_.try_emplace(m.id.cookie, m.time_ns);
    else if (!connecting_.empty())
      connecting_.erase(m.id.cookie);
  } catch (const std::bad_alloc&) {
    forgot_ = true;
  }
}

// Connections that are being made and of which nothing more was heard for a tick: their peer is not
// to be reached, maybe, and no event will tell of it. They are few, or none.
void marked_source::look_for_connecting(message_sink& sink, poll_report& report) noexcept {
  if (connecting_.empty()) return;
  const std::int64_t now_ns = monotonic_ns_();
  if (now_ns < connecting_due_ns_) return;
  const bool waiting = std::any_of(connecting_.begin(), connecting_.end(), [&](const auto& one) {
    return now_ns - one.second >= connecting_patience_ns;
  });
  if (!waiting) return;
  connecting_due_ns_ = now_ns + connecting_interval_ns;
  connecting_.clear();
  take_time();  // few are found, and all are looked at
  walking shown(*this, sink, walking::part);
  const poll_report found = walks_->walk_connecting(shown);
  report.duration_ns += found.duration_ns;
  if (!report.error) report.error = found.error;
}

void marked_source::take_marks(message_sink& sink) noexcept {
  sink_ = &sink;
  feed_->take(*this);
  sink_ = nullptr;
}

std::error_code marked_source::drain(message_sink& sink) noexcept {
  // An end is told after its beginning.
  take_marks(sink);
  // What was taken was of an unwanted connection: the next mark is to be told of, too.
  if (rests())
    feed_->call_me(true);
  else
    end_rest();
  walking told(*this, sink, walking::part);
  return walks_->drain(told);
}

bool marked_source::is_excluded(const socket_id& id) const noexcept {
  return options_.exclude != nullptr && !options_.exclude->empty() &&
         options_.exclude->excludes(header_only(id).view());
}

bool marked_source::want(const socket_id& id, reason why) {
  // It has no port yet, see connecting_; or it has it no more.
  if (id.sport == 0 || id.dport == 0) return false;
  if (id.cookie != 0 && !asked_.add(id.cookie)) return true;
  if (is_excluded(id)) return false;
  wanted_.push_back({id, why});
  if (id.cookie == 0) wanted_.back().id.cookie = any_cookie;
  return true;
}

// Asked for in the next poll, too: sockets whose mark is of the tick that has just begun, because
// later events of this tick make no mark; and sockets whose mark was made a moment ago, because the
// event may be going on (docs/design.md, "One tick").
void marked_source::want_marked(std::int64_t now_ns) {
  for (const socket_id& id : again_) want(id, reason::event);
  again_.clear();
  for (const mark& m : marks_) {
    want(m.id, reason::event);
    if (m.tick == tick_ || now_ns - m.time_ns < happening_ns) ask_again(m.id);
  }
}

// Those that would be due right after this poll, too: not a tick later each time.
void marked_source::want_clocks(std::int64_t now_ns) {
  clocks_.take_due(now_ns + clock_wheel::step_ns / 2,
                   [this](const socket_id& id) { return want(id, reason::clock); });
}

void marked_source::note_clock(const message& m, reason why, std::int64_t now_ns) noexcept {
  const std::uint64_t cookie = m.cookie();
  if (m.wqueue() == 0 || m.sport() == 0) return clocks_.stop(cookie);
  const int part = looks_between(m.state());
  const std::int64_t before_ns = part > 0 ? clocks_.pause_ns(cookie) : 0;
  if (why == reason::suspicion) {
    // What is looked at more often goes on. A walk shows all others at once: they are not asked for
    // all at once.
    if (before_ns > 0) return;
    const auto share = static_cast<std::int64_t>(scattered(cookie));
    const std::int64_t sooner_ns = share * (clock_interval_ns / 2) >> 32;
    return clocks_.start(m.id(), now_ns + clock_interval_ns - sooner_ns, clock_interval_ns);
  }
  std::int64_t pause_ns = clock_interval_ns;
  if (part > 0)
    pause_ns = why == reason::event || before_ns == 0
                   ? first_look_ns
                   : std::min(before_ns + before_ns / part, clock_interval_ns);
  clocks_.start(m.id(), now_ns + pause_ns, pause_ns);
}

void marked_source::want_suspects(message_sink& sink, poll_report& report) {
  if (reconciler_ == nullptr) return;
  if (found_next_ >= found_.suspects.size()) {
    if (!reconciler_->take(found_)) return;
    note_reconciliation(found_, report);
    found_next_ = 0;
    news_ = 0;
  }
  const std::size_t end = std::min(found_.suspects.size(), found_next_ + suspects_looked_at);
  for (std::size_t asked = 0; found_next_ < end && asked < suspects_a_poll; ++found_next_) {
    const suspect& s = found_.suspects[found_next_];
    const bool known = sink.knows(s.id.cookie);
    if (s.why == suspicion::gone) {
      if (known) sink.on_absent(s.id.cookie, s.seen_ns, s.absent_ns);
    } else if (known == (s.why == suspicion::moved)) {
      want(s.id, reason::suspicion);
      ++asked;
    }
  }
}

void marked_source::note_reconciliation(const reconciliation& found, poll_report& report) noexcept {
  ++report.reconciled;
  if (found.cpu_ns > 0) note_walk(found.cpu_ns);
}

// After a whole walk: it has looked at all that was suspected to have moved. One that is gone it
// did not show, which is no proof yet.
void marked_source::supersede_suspects(const message_sink& sink, poll_report& report) noexcept {
  if (reconciler_ == nullptr) return;
  const auto is_settled = [&sink](const suspect& s) {
    return s.why != suspicion::gone || !sink.knows(s.id.cookie);
  };
  std::vector<suspect>& left = found_.suspects;
  left.erase(left.begin(), left.begin() + static_cast<std::ptrdiff_t>(found_next_));
  std::erase_if(left, is_settled);
  reconciliation latest;
  if (reconciler_->take(latest)) {
    note_reconciliation(latest, report);
    std::erase_if(latest.suspects, is_settled);
    try {
      left.insert(left.end(), latest.suspects.begin(), latest.suspects.end());
    } catch (const std::bad_alloc&) {
      // Whole walks find out by themselves who has gone.
    }
  }
  found_next_ = 0;
  found_.sockets = 0;  // nothing is known of how many were news
}

// A walk beside the polls is soon made where more than a few of the events may have made no marks.
void marked_source::look_for_misses(std::int64_t now_ns, poll_report& report) noexcept {
  if (now_ns < misses_due_ns_) return;
  misses_due_ns_ = now_ns + misses_interval_ns;
  const mark_totals now = feed_->totals();
  const mark_totals before = std::exchange(totals_, now);
  report.missed = now.missed - before.missed;
  if (report.missed * many_misses > now.made - before.made && reconciler_ != nullptr)
    reconciler_->hurry();
}

void marked_source::ask(message_sink& sink, poll_report& report) noexcept {
  ids_.clear();
  try {
    ids_.reserve(wanted_.size());
    maybe_news_.reserve(suspects_a_poll);
    for (const wanted& w : wanted_) ids_.push_back(w.id);
    for (std::size_t i = 0; i < std::min(ids_.size(), expected_ahead); ++i)
      sink.on_expected(ids_[i].cookie);
  } catch (const std::bad_alloc&) {
    forgot_ = true;
    return;
  }
  const std::int64_t begun_ns = monotonic_ns_();
  const std::int64_t cpu_ns = cpu_ns_();
  struct context {
    marked_source* self;
    message_sink* sink;
    poll_report* report;
    std::int64_t now_ns;
    std::size_t batch;  // whose answers are told
  } all{this, &sink, &report, begun_ns, ids_.size()};
  walks_->query_all(
      ids_,
      [](void* user, const query_answer& a) noexcept {
        auto& c = *static_cast<context*>(user);
        const wanted& w = c.self->wanted_[a.index];
        // The answers to a batch are there when it has been sent, and are read at once.
        if (c.batch != a.index / queries_a_batch) {
          c.batch = a.index / queries_a_batch;
          c.sink->on_datagram();
        }
        if (const std::size_t ahead = a.index + expected_ahead; ahead < c.self->ids_.size())
          c.sink->on_expected(c.self->ids_[ahead].cookie);
        if (a.error) {
          c.self->clocks_.stop(w.id.cookie);
          // ENOENT, ESTALE: it has ended since, which is told by other means.
          const bool is_gone =
              a.error == std::errc::no_such_file_or_directory || a.error.value() == ESTALE;
          if (is_gone) return;
          c.self->forgot_ = true;
          if (!c.report->error) c.report->error = a.error;
          return;
        }
        // What is left of a closed one; walks leave that out.
        const unsigned state = a.answer.state();
        if (state >= 32 || (connection_states >> state & 1U) == 0)
          return c.self->clocks_.stop(a.answer.cookie());
        ++c.report->messages;
        c.report->bytes += static_cast<std::int64_t>(a.answer.bytes.size());
        c.self->note_clock(a.answer, w.why, c.now_ns);
        if (w.why != reason::suspicion)
          c.sink->on_socket(a.answer);
        else if (c.sink->on_checked(a.answer))
          c.self->maybe_news_.push_back(w.id.cookie);
        if (c.sink->must_repeat()) c.self->ask_again(a.answer.id());
      },
      &all);
  report.queries += ids_.size();
  report.duration_ns += monotonic_ns_() - begun_ns;
  if (ids_.size() >= 16)
    approach(query_ns_, static_cast<double>(cpu_ns_() - cpu_ns) / static_cast<double>(ids_.size()));
}

void marked_source::ask_again(const socket_id& id) noexcept try {
  again_.push_back(id);
} catch (const std::bad_alloc&) {
  forgot_ = true;
}

// A socket may have moved between the taking of marks and the question: then its mark is among
// those taken now, and an event has told of it.
void marked_source::count_news(poll_report& report) noexcept {
  if (!maybe_news_.empty()) {
    std::sort(maybe_news_.begin(), maybe_news_.end());
    for (const mark& m : marks_) {
      const auto at = std::lower_bound(maybe_news_.begin(), maybe_news_.end(), m.id.cookie);
      if (at != maybe_news_.end() && *at == m.id.cookie) maybe_news_.erase(at);
    }
    news_ += maybe_news_.size();
    report.unannounced += maybe_news_.size();
    maybe_news_.clear();
  }
  if (reconciler_ == nullptr || found_next_ < found_.suspects.size() || found_.sockets == 0) return;
  reconciler_->judge(news_, found_.sockets);
  found_.sockets = 0;
}

// Everything is looked at: no mark made before counts any more.
poll_report marked_source::walk(message_sink& sink) noexcept {
  take_time();
  end_rest();
  quiet_polls_ = 0;
  again_.clear();
  begin_tick();
  take_marks(sink);
  const std::uint64_t marks = marks_.size();
  forgot_ = false;
  keep_of_this_tick();
  maybe_news_.clear();
  const std::uint64_t dropped = feed_->dropped();
  const std::int64_t cpu_ns = cpu_ns_();
  walking shown(*this, sink, walks_left_ > 0 ? walking::whole_among_many : walking::whole);
  poll_report report = walks_->walk(shown);
  report.marks += marks;
  report.dropped += dropped - std::exchange(dropped_, dropped);
  if (report.complete) {
    note_walk(cpu_ns_() - cpu_ns);
    supersede_suspects(sink, report);
  } else {
    forgot_ = true;  // marks are gone: the next poll has to walk again
  }
  start_reconciler(report);
  return report;
}

// What was marked since the walk's tick began may move again while it lasts, without another mark.
void marked_source::keep_of_this_tick() noexcept {
  for (const mark& m : marks_)
    if (m.tick == tick_) ask_again(m.id);
  marks_.clear();
}

// Before anything is asked for: what is not brief must not begin as something urgent.
void marked_source::hurry(double expected_ns) noexcept {
  if (expected_ns > static_cast<double>(options_.urgent_ns)) return take_time();
  if (brief_polls_ < brief_before_urgent && ++brief_polls_ == brief_before_urgent && be_urgent_)
    be_urgent_(true);
}

void marked_source::take_time() noexcept {
  if (std::exchange(brief_polls_, 0) >= brief_before_urgent && be_urgent_) be_urgent_(false);
}

bool marked_source::is_dearer_than_walk(std::size_t queries) const noexcept {
  return walk_ns_ > 0 && query_ns_ * static_cast<double>(queries) > walk_ns_;
}

// A first walk, which finds everything new, takes longer than those that follow.
void marked_source::note_walk(std::int64_t cpu_ns) noexcept {
  const auto took_ns = static_cast<double>(cpu_ns);
  if (walk_ns_ == 0) walk_ns_ = took_ns;
  if (took_ns < walk_ns_)
    walk_ns_ = (walk_ns_ + took_ns) / 2;
  else
    approach(walk_ns_, took_ns);
}

// Marking costs, too: while walks are the cheaper way nobody marks.
poll_report marked_source::walk_instead(message_sink& sink) noexcept {
  if (walks_left_ == 0) {
    walks_left_ = walks_in_a_row;
    feed_->mute(true);
    // Walks beside walks would find nothing.
    if (reconciler_ != nullptr) reconciler_->hold(true);
    // Nothing is asked now, and so nothing learnt: what made asking seem dear may have passed.
    approach(query_ns_, usual_query_ns);
  } else if (--walks_left_ == 0) {
    feed_->mute(false);
  }
  return walk(sink);
}

// What is waited for is in the kernel's hands, and nothing of it is left in ours.
std::int64_t marked_source::rest() noexcept {
  if (!any_ || quiet_polls_ < quiet_before_rest) return 0;
  if (!nothing_came() || walks_left_ > 0 || !again_.empty() || !connecting_.empty() ||
      found_next_ < found_.suspects.size())
    return 0;
  feed_->call_me(true);
  resting_ = true;
  if (!listen_for(EPOLLIN)) {
    end_rest();
    return 0;
  }
  const std::int64_t now_ns = monotonic_ns_();
  return clocks_.empty() ? now_ns + longest_rest_ns
                         : clocks_.next_due(now_ns, now_ns + rest_with_clocks_ns);
}

bool marked_source::nothing_came() const noexcept {
  return marks_.empty() && !forgot_ && (reconciler_ == nullptr || !reconciler_->is_ready());
}

bool marked_source::rests() const noexcept { return resting_ && nothing_came(); }

void marked_source::end_rest() noexcept {
  if (!std::exchange(resting_, false)) return;
  feed_->call_me(false);
  (void)listen_for(0);
}

// What ends a rest is not told while somebody looks at the ticks: it stays there until a poll takes
// it, which may be some time where polls walk.
bool marked_source::listen_for(std::uint32_t events) noexcept {
  const auto set = [&](int fd) { return listen(any_, EPOLL_CTL_MOD, fd, events); };
  return set(feed_->descriptor()) && (reconciler_ == nullptr || set(reconciler_->descriptor()));
}

poll_report marked_source::poll(message_sink& sink) noexcept {
  end_rest();
  if (walks_left_ > 0) return walk_instead(sink);
  begin_tick();
  take_marks(sink);
  drops_in_a_row_ = feed_->dropped() == dropped_ ? 0 : drops_in_a_row_ + 1;
  if (drops_in_a_row_ >= drops_before_walks) return walk_instead(sink);
  if (drops_in_a_row_ > 0 || forgot_) return walk(sink);

  poll_report report;
  report.marks = marks_.size();
  count_news(report);
  const std::int64_t now_ns = monotonic_ns_();
  asked_.begin();
  wanted_.clear();
  try {
    want_marked(now_ns);
    // Only now is it known how many: marks may be of unwanted connections, or several of one. That
    // many clocks are due is no sign of what comes next.
    const bool many_marked = is_dearer_than_walk(wanted_.size());
    if (!many_marked) want_clocks(now_ns);
    if (many_marked || is_dearer_than_walk(wanted_.size())) {
      poll_report walked = many_marked ? walk_instead(sink) : walk(sink);
      walked.unannounced += report.unannounced;
      return walked;
    }
    if (reconciler_ != nullptr) reconciler_->hold(false);
    want_suspects(sink, report);
  } catch (const std::bad_alloc&) {
    forgot_ = true;
  }
  marks_.clear();
  quiet_polls_ = wanted_.empty() ? std::min(quiet_polls_ + 1, quiet_before_rest) : 0;
  hurry(query_ns_ * static_cast<double>(wanted_.size()));
  ask(sink, report);
  look_for_connecting(sink, report);
  look_for_misses(now_ns, report);
  start_reconciler(report);
  return report;
}

}  // namespace tcpinfo::collect
