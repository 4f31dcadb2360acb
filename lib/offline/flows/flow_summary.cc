// SPDX-License-Identifier: Apache-2.0
#include "offline/flows/flow_summary.h"

#include <tcpinfo/tcp.h>
#include <algorithm>
#include <iterator>

#include "common/sequences.h"
#include "offline/text/times.h"

namespace tcpinfo::offline {
namespace {

// Where it is not known what came last: so many timeouts are taken for a silent other end. One or
// two come before an RST as well.
constexpr std::uint64_t many_timeouts = 3;

std::uint64_t or_zero(const snapshot& s, tcp_field f) { return s.value(f).value_or(0); }

}  // namespace

bool flow_summary::is_left_by(const message& m) const noexcept {
  if (snapshots_ == 0 || m.dport() == 0 || m.state() == static_cast<std::uint8_t>(tcp_state::close))
    return false;
  return ended_ || (ends_.dport != 0 &&
                    (m.dport() != ends_.dport || m.sport() != ends_.sport || m.dst() != ends_.dst));
}

void flow_summary::saw_sequence(const input_context& c) {
  if (c.sequence) sequences_.insert(*c.sequence);
  if (!c.netns.empty()) netns_ = c.netns;
  if (!c.opened.is_zero()) opened_ = c.opened;
  if (!c.start_time.is_zero() && (start_time_.is_zero() || compare(c.start_time, start_time_) < 0))
    start_time_ = c.start_time;
}

void flow_summary::saw_poll(std::uint32_t run, std::uint64_t poll) {
  for (poll_span& p : polls_) {
    if (p.run != run) continue;
    p.first = std::min(p.first, poll);
    p.last = std::max(p.last, poll);
    return;
  }
  polls_.push_back({run, poll, poll});
}

void flow_summary::take_totals(const snapshot& s, flow_totals& to) const {
  to.acked = or_zero(s, tcp_field::bytes_acked);
  to.received = or_zero(s, tcp_field::bytes_received);
  to.sent = s.value(tcp_field::bytes_sent);
  to.retrans = s.value(tcp_field::bytes_retrans);
  to.total_retrans = or_zero(s, tcp_field::total_retrans);
  to.segs_out = or_zero(s, tcp_field::segs_out);
  to.segs_in = s.value(tcp_field::segs_in);
  to.data_segs_out = s.value(tcp_field::data_segs_out);
  to.data_segs_in = s.value(tcp_field::data_segs_in);
  to.delivered = s.value(tcp_field::delivered);
  to.options = or_zero(s, tcp_field::options);
  to.retransmits = or_zero(s, tcp_field::retransmits);
  to.probes = or_zero(s, tcp_field::probes);
  to.unacked = or_zero(s, tcp_field::unacked);
  to.busy = s.value(tcp_field::busy_time);
  to.rwnd_limited = s.value(tcp_field::rwnd_limited);
  to.sndbuf_limited = s.value(tcp_field::sndbuf_limited);
  to.dsack_dups = s.value(tcp_field::dsack_dups);
  to.reord_seen = s.value(tcp_field::reord_seen);
}

// Whether bytes_received has the peer's FIN in it. What the states tell is certain. Else: a segment
// without data that adds one byte is a FIN, and where nothing was added there was none; unless it
// was in the record before, whose counters may be later than its state. A state after that would
// tell of it.
void flow_summary::judge_fin(const flow_totals& now, bool end) {
  if (saw({tcp_state::close_wait, tcp_state::last_ack, tcp_state::closing})) {
    fin_counted_ = true;
    return;
  }
  const std::uint64_t before = info_ ? last_.received : 0;
  const std::uint64_t segments = info_ ? last_.data_segs_in.value_or(0) : 0;
  if (now.received == before) {
    if (!end)
      data_with_fin_ = false;
    else if (!fin_counted_ && !data_with_fin_)
      fin_counted_ = false;
  } else if (now.received == before + 1 && now.data_segs_in == segments) {
    fin_counted_ = true;
  } else {
    data_with_fin_ = true;
  }
}

// Records may come in any order.
void flow_summary::note_silence(const input_record& r, const flow_totals& now, bool true_end,
                                bool end) {
  if (true_end) {
    at_end_ = now;
  } else if (!end && (!before_end_ || compare(r.time, before_end_time_) >= 0)) {
    before_end_ = now;
    before_end_time_ = r.time;
  }
}

void flow_summary::add(const input_record& r, const snapshot& s) {
  const auto state = static_cast<std::uint8_t>(r.m.state());
  const bool end = state == static_cast<std::uint8_t>(tcp_state::close);
  // A record without a time stands where it was read.
  const bool timed = !r.time.is_zero();
  const bool latest = !timed || last_time_.is_zero() || compare(r.time, last_time_) >= 0;
  const bool earliest =
      timed ? first_time_.is_zero() || compare(r.time, first_time_) < 0 : snapshots_ == 0;
  ++snapshots_;
  if (latest && timed) last_time_ = r.time;
  if (earliest && timed) first_time_ = r.time;
  if (r.m.dport() != 0 && (ends_.dport == 0 || earliest)) ends_ = r.m.id();
  if (ends_.dport == 0) ends_ = r.m.id();

  if (end) {
    ended_ = true;
    end_time_ = r.ended.is_zero() ? r.time : r.ended;
    if (r.m.dport() == 0 || (r.carried & ends_bit) != 0) ends_cleared_ = true;
  } else if (state < 32) {
    states_ |= std::uint32_t{1} << state;
    if (state_ == 0 || compare(r.time, state_time_) >= 0) {
      state_ = state;
      state_time_ = r.time;
    }
  }
  opener_.saw_state(state, r.time);
  if (const auto cong = s.text(field_id::cong); cong && (latest || cong_.empty())) cong_ = *cong;
  if (!s.has(field_group::info)) return;

  // The kernel reads the message's state first, then that in tcp_info, then the counters. What
  // comes in between is in the later ones only.
  constexpr auto closed = static_cast<std::uint8_t>(tcp_state::close);
  const auto of_info = static_cast<std::uint8_t>(or_zero(s, tcp_field::state));
  const std::uint8_t counted = of_info != 0 && of_info < 32 && !end ? of_info : state;
  if (counted != closed && counted < 32) states_ |= std::uint32_t{1} << counted;
  // Files of before Carried was written tell by the state in it, which is that of the time.
  const bool info_carried = end && ((r.carried & attribute_bit(attribute_type::info)) != 0 ||
                                    (of_info != closed && of_info != 0));

  flow_totals t;
  take_totals(s, t);
  // A message filled while the socket closed has counters of the end already.
  if (end || of_info != closed) note_silence(r, t, end && !info_carried, end);
  opener_.saw_state(counted, r.time);
  opener_.saw_totals(t, end, r.time);
  if (!info_ || compare(r.time, first_info_time_) < 0) {
    first_ = t;
    first_info_time_ = r.time;
  }
  // The end is the last one, though its time may be that of a change of state, which came before
  // the answer of a poll was read.
  const bool newest = end ? !info_carried : !at_end_ && compare(r.time, last_info_time_) >= 0;
  if (!info_ || newest) {
    // Of a socket that its own program aborts the kernel clears the totals first; in a capture
    // these come as they are.
    if (!(end && info_ && (t.acked < last_.acked || t.received < last_.received))) {
      judge_fin(t, end);
      last_ = t;
      last_info_time_ = end ? end_time_ : r.time;
    }
  }
  info_ = true;

  const std::uint64_t rtt = or_zero(s, tcp_field::rtt);
  if (rtt != 0) rtts_.add(static_cast<std::uint32_t>(rtt));
  if (rtt != 0 && latest) last_rtt_us_ = rtt;
  const auto min_rtt = s.value(tcp_field::min_rtt);
  const auto never = describe(tcp_field::min_rtt).sentinel();
  // Before 4.6 there is only the smoothed one.
  const std::optional<std::uint64_t> low =
      min_rtt ? (min_rtt == never || *min_rtt == 0 ? std::nullopt : min_rtt)
              : (rtt != 0 ? std::optional(rtt) : std::nullopt);
  if (low && (!min_rtt_ || *low < *min_rtt_)) min_rtt_ = low;
  if (const auto rate = s.value(tcp_field::delivery_rate))
    if (!peak_rate_ || *rate > *peak_rate_) peak_rate_ = rate;
}

timestamp flow_summary::start() const noexcept {
  if (!opened_.is_zero()) return opened_;
  if (start_time_.is_zero()) return first_time_;
  return !first_time_.is_zero() && compare(first_time_, start_time_) < 0 ? first_time_
                                                                         : start_time_;
}

std::optional<std::int64_t> flow_summary::duration_ns() const noexcept {
  const timestamp& last = end_time_.is_zero() ? last_time_ : end_time_;
  if (last.is_zero() || start().is_zero()) return std::nullopt;
  return nanoseconds_between(last, start());
}

bool flow_summary::saw(std::initializer_list<tcp_state> states) const noexcept {
  return std::any_of(states.begin(), states.end(),
                     [this](tcp_state s) { return (states_ & state_bit(s)) != 0; });
}

std::optional<bool> flow_summary::fin_of_ours_acked() const noexcept {
  const auto unique = last_.unique();
  if (!info_ || !unique) return std::nullopt;
  if (last_.acked < *unique) return false;  // not even the data before it
  switch (last_.acked - *unique) {
    case 0:
      return false;
    case 1:
      // The SYN of the end that connected, or the FIN of the one that accepted.
      if (const auto connected = opener_.is_this_end()) return !*connected;
      return std::nullopt;
    default:
      return true;
  }
}

flow_summary::last_word flow_summary::said_last() const noexcept {
  if (!before_end_ || !at_end_ || !before_end_->segs_in || !at_end_->segs_in)
    return last_word::unknown;
  const flow_totals& before = *before_end_;
  const flow_totals& end = *at_end_;
  // The kernel's counter has 32 bits. A FIN of theirs is a byte received, and what answers ours
  // acknowledges one, also where the record was filled while ours went out.
  if (static_cast<std::uint32_t>(*end.segs_in - *before.segs_in) != 0)
    return end.acked == before.acked && end.received == before.received ? last_word::reset
                                                                        : last_word::a_segment;
  if (end.retransmits != 0 || end.probes != 0) return last_word::no_answer;
  // A program that aborts sends an RST, so that segs_out grows. Where it did not, the kernel may
  // have filled the record before while the socket closed: counters from after the end, state from
  // before.
  constexpr std::int64_t soon_ns = 1'000'000'000;
  const bool of_the_end = end.segs_out == before.segs_out &&
                          nanoseconds_between(end_time_, before_end_time_) <= soon_ns;
  return of_the_end ? last_word::unknown : last_word::nothing;
}

closing flow_summary::closed() const noexcept {
  const bool time_wait = saw({tcp_state::time_wait});
  if (!ended_ && !time_wait) return closing::open;
  // A connect that fails is disconnected, and so is a socket that is aborted. That clears the
  // counters, but not the smallest round-trip time: it was measured if there ever was an answer.
  const bool connected = (states_ & ~state_bit(tcp_state::syn_sent)) != 0 || min_rtt_ ||
                         (info_ && (last_.acked != 0 || last_.received != 0));
  if (ended_ && !connected && (ends_cleared_ || states_ != 0)) return closing::no_connect;
  if (ends_cleared_) return closing::aborted;
  const last_word told = ended_ ? said_last() : last_word::unknown;
  const bool gave_up = told == last_word::unknown ? (last_.retransmits >= many_timeouts ||
                                                     last_.probes >= many_timeouts) &&
                                                        !saw({tcp_state::fin_wait2})
                                                  : told == last_word::no_answer;
  const bool remote = saw({tcp_state::close_wait, tcp_state::last_ack});
  const bool local = saw({tcp_state::fin_wait1, tcp_state::fin_wait2, tcp_state::time_wait});
  if (ended_ && gave_up && !saw({tcp_state::time_wait})) return closing::timeout;
  if (saw({tcp_state::closing})) return closing::fin_both;
  if (remote) return closing::fin_remote;
  if (local) return closing::fin_local;
  if (!info_) return closing::unknown;
  const auto fin = fin_of_ours_acked();
  // Where ours was acknowledged while theirs had not come, it was the first.
  if (fin == true) return fin_counted_ == false ? closing::fin_local : closing::fin;
  if (told == last_word::nothing) return closing::aborted;
  if (told == last_word::reset) return closing::rst;
  return fin ? closing::rst : closing::unknown;
}

std::optional<std::uint64_t> flow_summary::sent() const noexcept {
  if (!info_) return std::nullopt;
  return last_.acked_data();
}

std::optional<std::uint64_t> flow_summary::received() const noexcept {
  if (!info_) return std::nullopt;
  return last_.received - (fin_counted_.value_or(false) && last_.received > 0 ? 1U : 0U);
}

std::optional<double> flow_summary::retransmitted_percent() const noexcept {
  if (!info_) return std::nullopt;
  const auto percent = [](std::uint64_t part, std::uint64_t whole) -> std::optional<double> {
    if (whole == 0) return part == 0 ? std::optional(0.0) : std::nullopt;
    return 100.0 * static_cast<double>(part) / static_cast<double>(whole);
  };
  if (last_.sent && last_.retrans) return percent(*last_.retrans, *last_.sent);
  return percent(last_.total_retrans, last_.data_segs_out.value_or(last_.segs_out));
}

std::optional<double> flow_summary::mean_rate() const noexcept {
  const bool whole = !opened_.is_zero();
  const timestamp& from_time = whole ? opened_ : first_info_time_;
  if (!info_ || from_time.is_zero()) return std::nullopt;
  const std::int64_t ns = nanoseconds_between(last_info_time_, from_time);
  const std::uint64_t round_trip_us = last_rtt_us_ != 0 ? last_rtt_us_ : min_rtt_.value_or(0);
  if (ns <= 0 || static_cast<std::uint64_t>(ns) < round_trip_us * 1000) return std::nullopt;
  const auto grown = [](std::uint64_t from, std::uint64_t to) { return to > from ? to - from : 0; };
  const flow_totals from = whole ? flow_totals{} : first_;
  const std::uint64_t bytes =
      std::max(grown(from.acked_data(), *sent()), grown(from.received, *received()));
  return static_cast<double>(bytes) * 1e9 / static_cast<double>(ns);
}

std::optional<double> flow_summary::busy_percent() const noexcept {
  const bool whole = !opened_.is_zero();
  const timestamp& from_time = whole ? opened_ : first_info_time_;
  if (!info_ || !last_.busy || from_time.is_zero()) return std::nullopt;
  const std::int64_t ns = nanoseconds_between(last_info_time_, from_time);
  const std::uint64_t before = whole ? 0 : first_.busy.value_or(0);
  if (ns <= 0 || *last_.busy < before) return std::nullopt;
  const double busy_ns = static_cast<double>(*last_.busy - before) * 1000;
  // The kernel counts in ticks of its clock, which may be more than has passed.
  return std::min(100.0, 100 * busy_ns / static_cast<double>(ns));
}

std::optional<flow_summary::limits> flow_summary::limited() const noexcept {
  if (!info_ || last_.busy.value_or(0) == 0 || !last_.rwnd_limited || !last_.sndbuf_limited)
    return std::nullopt;
  const auto busy = static_cast<double>(*last_.busy);
  limits l;
  l.rwnd = std::min(100.0, 100 * static_cast<double>(*last_.rwnd_limited) / busy);
  l.sndbuf = std::min(100.0 - l.rwnd, 100 * static_cast<double>(*last_.sndbuf_limited) / busy);
  l.network = 100 - l.rwnd - l.sndbuf;
  return l;
}

std::uint64_t flow_summary::gaps() const noexcept {
  std::uint64_t gaps = polls_.empty() ? 0 : polls_.size() - 1;
  for (auto at = sequences_.begin(); at != sequences_.end(); ++at)
    if (const auto next = std::next(at); next != sequences_.end())
      gaps += missing_between(*at, *next);
  return gaps;
}

}  // namespace tcpinfo::offline
