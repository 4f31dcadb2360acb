// SPDX-License-Identifier: Apache-2.0
#include "offline/flows/flow_summary.h"

#include <tcpinfo/tcp.h>
#include <algorithm>

#include "common/sequences.h"

namespace tcpinfo::offline {
namespace {

// Where it is not known what came last: so many timeouts are taken for a silent other end. One or
// two come before an RST as well.
constexpr std::uint64_t many_timeouts = 3;

// Looked up once: a search takes longer than the reading.
struct known_fields {
  field_descriptor state = describe(field(tcp_field::state));
  field_descriptor rtt = describe(field(tcp_field::rtt));
  field_descriptor min_rtt = describe(field(tcp_field::min_rtt));
  field_descriptor delivery_rate = describe(field(tcp_field::delivery_rate));
  field_descriptor cong = describe(field_id::cong);
};
const known_fields& known() {
  static const known_fields fields;
  return fields;
}

std::uint64_t or_zero(const snapshot& s, field_descriptor f) {
  std::uint64_t value = 0;
  (void)s.value(f, value);
  return value;
}

}  // namespace

bool flow_summary::is_left_by(const input_record& r, bool in_order) const noexcept {
  const message& m = r.m;
  if (snapshots_ == 0 || m.dport() == 0 || m.state() == static_cast<std::uint8_t>(tcp_state::close))
    return false;
  if (ends_.dport != 0 &&
      (m.dport() != ends_.dport || m.sport() != ends_.sport || m.dst() != ends_.dst))
    return true;
  if (!ended_) return false;
  // An earlier file of the same connection may be read after the one with its end.
  return in_order || r.time.is_zero() || last_time_.is_zero() || packed_time(r.time) > last_time_;
}

void flow_summary::saw_context(const input_context& c, name_pool& names) {
  if (c.sequence && !has_sequence_) {
    sequence_ = *c.sequence;
    has_sequence_ = true;
  } else if (c.sequence && *c.sequence != sequence_) {
    rest().sequences.insert(*c.sequence);
  }
  if (!c.host.empty()) host_ = names.number(c.host);
  if (!c.netns.empty()) netns_ = names.number(c.netns);
  if (!c.opened.is_zero()) {
    opened_ = packed_time(c.opened);
    opened_offset_ = offset_minutes(c.opened);
  }
  if (const packed_time t(c.start_time);
      !t.is_zero() && (start_time_.is_zero() || t < start_time_)) {
    start_time_ = t;
    start_offset_ = offset_minutes(c.start_time);
  }
}

void flow_summary::saw_poll(std::uint32_t run, std::uint64_t poll) {
  const auto widen = [&](poll_span& p) {
    p.first = std::min(p.first, poll);
    p.last = std::max(p.last, poll);
  };
  if (polls_.run == no_run) polls_ = {run, poll, poll};
  if (polls_.run == run) {
    widen(polls_);
    return;
  }
  for (poll_span& p : rest().polls)
    if (p.run == run) {
      widen(p);
      return;
    }
  rest_->polls.push_back({run, poll, poll});
}

flow_summary::rare& flow_summary::rest() {
  if (rest_ == nullptr) rest_ = std::make_unique<rare>();
  return *rest_;
}

flow_summary::last_counts flow_summary::counts_of(const flow_totals& t) noexcept {
  last_counts c;
  c.acked = t.or_zero(total::bytes_acked);
  c.received = t.or_zero(total::bytes_received);
  c.segs_in = static_cast<std::uint32_t>(t.or_zero(total::segs_in));
  c.segs_out = static_cast<std::uint32_t>(t.or_zero(total::segs_out));
  c.retransmits = static_cast<std::uint8_t>(t.or_zero(total::retransmits));
  c.probes = static_cast<std::uint8_t>(t.or_zero(total::probes));
  c.counts_segs_in = t.get(total::segs_in).has_value();
  c.there = true;
  return c;
}

flow_summary::last_counts flow_summary::counts_at_end() const noexcept {
  if (!end_counted_) return {};
  return last_is_end_ ? counts_of(last_) : rest_->at_end;
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
  // There are none before the first record.
  const std::uint64_t before = last_.or_zero(total::bytes_received);
  const std::uint64_t segments = last_.or_zero(total::data_segs_in);
  const std::uint64_t received = now.or_zero(total::bytes_received);
  if (received == before) {
    if (!end)
      data_with_fin_ = false;
    else if (!fin_counted_ && !data_with_fin_)
      fin_counted_ = false;
  } else if (received == before + 1 && now.get(total::data_segs_in) == segments) {
    fin_counted_ = true;
  } else {
    data_with_fin_ = true;
  }
}

void flow_summary::add(const input_record& r, const snapshot& s, name_pool& names,
                       bool exact_rtts) {
  const auto state = static_cast<std::uint8_t>(r.m.state());
  const bool end = state == static_cast<std::uint8_t>(tcp_state::close);
  const packed_time time(r.time);
  // A record without a time stands where it was read.
  const bool timed = !time.is_zero();
  const bool latest = !timed || last_time_.is_zero() || time >= last_time_;
  const bool earliest = timed ? first_time_.is_zero() || time < first_time_ : snapshots_ == 0;
  ++snapshots_;
  if (latest && timed) {
    last_time_ = time;
    last_offset_ = offset_minutes(r.time);
  }
  if (earliest && timed) {
    first_time_ = time;
    first_offset_ = offset_minutes(r.time);
  }
  if (ends_.dport == 0 || (earliest && r.m.dport() != 0)) {
    const socket_id id = r.m.id();
    ends_ = {id.src, id.dst, id.sport, id.dport, id.interface};
  }

  if (end) {
    ended_ = true;
    end_time_ = r.ended.is_zero() ? time : packed_time(r.ended);
    end_offset_ = offset_minutes(r.ended.is_zero() ? r.time : r.ended);
    if (r.m.dport() == 0 || (r.carried & ends_bit) != 0) ends_cleared_ = true;
  } else if (state < 32) {
    states_ |= std::uint32_t{1} << state;
    if (state_ == 0 || time >= state_time_) {
      state_ = state;
      state_time_ = time;
    }
  }
  opener_.saw_state(state, time);
  const known_fields& fields = known();
  if (std::string_view cong; s.text(fields.cong, cong) && (latest || cong_ == name_pool::none))
    cong_ = names.number(cong);
  if (!s.has(field_group::info)) return;

  // The kernel reads the message's state first, then that in tcp_info, then the counters. What
  // comes in between is in the later ones only.
  constexpr auto closed = static_cast<std::uint8_t>(tcp_state::close);
  const auto of_info = static_cast<std::uint8_t>(or_zero(s, fields.state));
  const std::uint8_t counted = of_info != 0 && of_info < 32 && !end ? of_info : state;
  if (counted != closed && counted < 32) states_ |= std::uint32_t{1} << counted;
  // Files of before Carried was written tell by the state in it, which is that of the time.
  const bool info_carried = end && ((r.carried & attribute_bit(attribute_type::info)) != 0 ||
                                    (of_info != closed && of_info != 0));
  const bool true_end = end && !info_carried;

  flow_totals t;
  t.take(s);
  opener_.saw_state(counted, time);
  opener_.saw_totals(t, end, time);
  // A message filled while the socket closed has counters of the end already. Records may come in
  // any order.
  if (!end && of_info != closed && (!before_end_.there || time >= before_end_time_)) {
    before_end_ = counts_of(t);
    before_end_time_ = time;
  }
  if (!info_ || time < first_info_time_) {
    first_ = {t.acked_data(), t.or_zero(total::bytes_received), t.or_zero(total::busy_time)};
    first_info_time_ = time;
  }
  // The end is the last one, though its time may be that of a change of state, which came before
  // the answer of a poll was read.
  if (true_end) end_counted_ = true;
  const bool newest = end ? true_end : !end_counted_ && time >= last_info_time_;
  // Of a socket that its own program aborts the kernel clears the totals first; in a capture these
  // come as they are.
  const auto is_less = [&](total of) { return t.or_zero(of) < last_.or_zero(of); };
  const bool cleared =
      end && info_ && (is_less(total::bytes_acked) || is_less(total::bytes_received));
  if ((!info_ || newest) && !cleared) {
    judge_fin(t, end);
    last_ = t;
    last_info_time_ = end ? end_time_ : time;
    last_is_end_ = true_end;
  } else if (true_end) {
    rest().at_end = counts_of(t);
    last_is_end_ = false;
  }
  info_ = true;
  // A socket that its program has closed is nobody's.
  if (r.m.uid() != 0) uid_ = r.m.uid();

  const auto rtt = static_cast<std::uint32_t>(or_zero(s, fields.rtt));
  if (rtt != 0) rtts_.add(rtt, exact_rtts);
  if (rtt != 0 && latest) last_rtt_us_ = rtt;
  // Before 4.6 there is only the smoothed one. Neither 0 nor the field's sentinel was measured.
  std::uint64_t low = rtt;
  if (s.value(fields.min_rtt, low) && !s.measured(fields.min_rtt, low)) low = 0;
  if (low != 0 && (min_rtt_ == 0 || low < min_rtt_)) min_rtt_ = static_cast<std::uint32_t>(low);
  if (std::uint64_t rate = 0; s.value(fields.delivery_rate, rate)) {
    has_rate_ = true;
    peak_rate_ = std::max(peak_rate_, rate);
  }
}

socket_id flow_summary::ends() const noexcept {
  socket_id id;
  id.src = ends_.src;
  id.dst = ends_.dst;
  id.sport = ends_.sport;
  id.dport = ends_.dport;
  id.interface = ends_.interface;
  return id;
}

packed_time flow_summary::first_seen_at() const noexcept {
  if (start_time_.is_zero()) return first_time_;
  return first_time_.is_zero() ? start_time_ : std::min(start_time_, first_time_);
}

timestamp flow_summary::first_seen() const noexcept {
  const packed_time at = first_seen_at();
  return at.at(at == first_time_ ? first_offset_ : start_offset_);
}

std::optional<std::int64_t> flow_summary::duration_ns() const noexcept {
  const packed_time last = end_time_.is_zero() ? last_time_ : end_time_;
  const packed_time start = opened_.is_zero() ? first_seen_at() : opened_;
  if (last.is_zero() || start.is_zero()) return std::nullopt;
  return last.since(start);
}

bool flow_summary::saw(std::initializer_list<tcp_state> states) const noexcept {
  return std::any_of(states.begin(), states.end(),
                     [this](tcp_state s) { return (states_ & state_bit(s)) != 0; });
}

std::optional<bool> flow_summary::fin_of_ours_acked() const noexcept {
  const auto unique = last_.unique();
  if (!info_ || !unique) return std::nullopt;
  const std::uint64_t acked = last_.or_zero(total::bytes_acked);
  if (acked < *unique) return false;  // not even the data before it
  switch (acked - *unique) {
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
  const last_counts& before = before_end_;
  const last_counts end = counts_at_end();
  if (!before.there || !end.there || !before.counts_segs_in || !end.counts_segs_in)
    return last_word::unknown;
  // A FIN of theirs is a byte received, and what answers ours
  // acknowledges one, also where the record was filled while ours went out.
  if (end.segs_in != before.segs_in)
    return end.acked == before.acked && end.received == before.received ? last_word::reset
                                                                        : last_word::a_segment;
  if (end.retransmits != 0 || end.probes != 0) return last_word::no_answer;
  // A program that aborts sends an RST, so that segs_out grows. Where it did not, the kernel may
  // have filled the record before while the socket closed: counters from after the end, state from
  // before.
  constexpr std::int64_t soon_ns = 1'000'000'000;
  const bool of_the_end =
      end.segs_out == before.segs_out && end_time_.since(before_end_time_) <= soon_ns;
  return of_the_end ? last_word::unknown : last_word::nothing;
}

closing flow_summary::closed() const noexcept {
  const bool time_wait = saw({tcp_state::time_wait});
  if (!ended_ && !time_wait) return closing::open;
  // A connect that fails is disconnected, and so is a socket that is aborted. That clears the
  // counters, but not the smallest round-trip time: it was measured if there ever was an answer.
  const bool connected = (states_ & ~state_bit(tcp_state::syn_sent)) != 0 || min_rtt_ != 0 ||
                         last_.or_zero(total::bytes_acked) != 0 ||
                         last_.or_zero(total::bytes_received) != 0;
  if (ended_ && !connected && (ends_cleared_ || states_ != 0)) return closing::no_connect;
  if (ends_cleared_) return closing::aborted;
  const last_word told = ended_ ? said_last() : last_word::unknown;
  const bool gave_up = told == last_word::unknown
                           ? (last_.or_zero(total::retransmits) >= many_timeouts ||
                              last_.or_zero(total::probes) >= many_timeouts) &&
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
  const std::uint64_t received = last_.or_zero(total::bytes_received);
  return received - (fin_counted_.value_or(false) && received > 0 ? 1U : 0U);
}

std::optional<double> flow_summary::retransmitted_percent() const noexcept {
  if (!info_) return std::nullopt;
  const auto percent = [](std::uint64_t part, std::uint64_t whole) -> std::optional<double> {
    if (whole == 0) return part == 0 ? std::optional(0.0) : std::nullopt;
    return 100.0 * static_cast<double>(part) / static_cast<double>(whole);
  };
  const auto sent = last_.get(total::bytes_sent);
  const auto again = last_.get(total::bytes_retrans);
  if (sent && again) return percent(*again, *sent);
  return percent(last_.or_zero(total::total_retrans),
                 last_.get(total::data_segs_out).value_or(last_.or_zero(total::segs_out)));
}

std::optional<double> flow_summary::mean_rate() const noexcept {
  const bool whole = !opened_.is_zero();
  const packed_time from_time = whole ? opened_ : first_info_time_;
  if (!info_ || from_time.is_zero()) return std::nullopt;
  const std::int64_t ns = last_info_time_.since(from_time);
  const std::uint64_t round_trip_us = last_rtt_us_ != 0 ? last_rtt_us_ : min_rtt_;
  if (ns <= 0 || static_cast<std::uint64_t>(ns) < round_trip_us * 1000) return std::nullopt;
  const auto grown = [](std::uint64_t from, std::uint64_t to) { return to > from ? to - from : 0; };
  const first_counts from = whole ? first_counts{} : first_;
  const std::uint64_t bytes =
      std::max(grown(from.acked_data, *sent()), grown(from.received, *received()));
  return static_cast<double>(bytes) * 1e9 / static_cast<double>(ns);
}

std::optional<double> flow_summary::busy_percent() const noexcept {
  const bool whole = !opened_.is_zero();
  const packed_time from_time = whole ? opened_ : first_info_time_;
  const auto busy = last_.get(total::busy_time);
  if (!info_ || !busy || from_time.is_zero()) return std::nullopt;
  const std::int64_t ns = last_info_time_.since(from_time);
  const std::uint64_t before = whole ? 0 : first_.busy;
  if (ns <= 0 || *busy < before) return std::nullopt;
  const double busy_ns = static_cast<double>(*busy - before) * 1000;
  // The kernel counts in ticks of its clock, which may be more than has passed.
  return std::min(100.0, 100 * busy_ns / static_cast<double>(ns));
}

std::optional<flow_summary::limits> flow_summary::limited() const noexcept {
  const auto rwnd = last_.get(total::rwnd_limited);
  const auto sndbuf = last_.get(total::sndbuf_limited);
  if (!info_ || last_.or_zero(total::busy_time) == 0 || !rwnd || !sndbuf) return std::nullopt;
  const auto busy = static_cast<double>(last_.or_zero(total::busy_time));
  limits l;
  l.rwnd = std::min(100.0, 100 * static_cast<double>(*rwnd) / busy);
  l.sndbuf = std::min(100.0 - l.rwnd, 100 * static_cast<double>(*sndbuf) / busy);
  l.network = 100 - l.rwnd - l.sndbuf;
  return l;
}

std::uint64_t flow_summary::gaps() const noexcept {
  if (rest_ == nullptr) return 0;
  std::uint64_t gaps = rest_->polls.size();
  const std::set<std::uint64_t>& others = rest_->sequences;
  // The first one seen has its place among the others.
  std::uint64_t before = others.empty() ? sequence_ : std::min(sequence_, *others.begin());
  const auto go_on = [&](std::uint64_t sequence) {
    if (sequence != before) gaps += missing_between(before, sequence);
    before = sequence;
  };
  bool own = false;
  for (const std::uint64_t sequence : others) {
    if (!own && sequence_ < sequence) {
      go_on(sequence_);
      own = true;
    }
    go_on(sequence);
  }
  if (!own) go_on(sequence_);
  return gaps;
}

}  // namespace tcpinfo::offline
