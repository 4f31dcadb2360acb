// SPDX-License-Identifier: Apache-2.0
#include "analysis/records_summary.h"
#include "analysis/kernel_values.h"

#include <tcpinfo/tcp.h>
#include <algorithm>
#include <cstring>
#include <utility>

namespace tcpinfo::analysis {
namespace {

// Where it is not known what came last: so many timeouts are taken for a silent other end. One or
// two come before an RST as well.
constexpr std::uint64_t many_timeouts = 3;

// A field of tcp_info, of which F is the number of the first bit. @return false where it is absent.
template <tcp_field F, class T>
bool read(bytes_view info, T& out) noexcept {
  constexpr std::size_t at = static_cast<std::uint32_t>(F) / 8;
  if (at + sizeof(T) > info.size()) return false;
  std::memcpy(&out, info.data() + at, sizeof(T));
  return true;
}

constexpr auto closed_state = static_cast<std::uint8_t>(tcp_state::close);

received_counts received_of(const flow_totals& t) noexcept {
  return {t.or_zero(total::bytes_received),
          static_cast<std::uint32_t>(t.or_zero(total::data_segs_in)),
          t.get(total::data_segs_in).has_value()};
}

}  // namespace

bool records_summary::is_left_by(const message& m, packed_time time, bool in_order) const noexcept {
  if (snapshots_ == 0 || m.dport() == 0 || static_cast<std::uint8_t>(m.state()) == closed_state)
    return false;
  if (ends_.dport != 0 && has_other_ends(m)) return true;
  if (!ended_) return false;
  // An earlier file of the same connection may be read after the one with its end.
  return in_order || time.is_zero() || last_time_.is_zero() || time > last_time_;
}

records_summary::last_counts records_summary::counts_of(const flow_totals& t) noexcept {
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

records_summary::last_counts records_summary::counts_at_end() const noexcept {
  if (!end_counted_) return {};
  return last_is_end_ || at_end_ == nullptr ? counts_of(last_) : *at_end_;
}

void records_summary::add(const seen_message& r) {
  const auto state = static_cast<std::uint8_t>(r.m.state());
  const bool end = state == closed_state;
  const packed_time time = r.time;
  // A record without a time stands where it was read.
  const bool timed = !time.is_zero();
  const bool latest = !timed || last_time_.is_zero() || time >= last_time_;
  const bool earliest = timed ? first_time_.is_zero() || time < first_time_ : snapshots_ == 0;
  ++snapshots_;
  if (latest && timed) {
    last_time_ = time;
    last_offset_ = r.time_offset;
  }
  if (earliest && timed) {
    first_time_ = time;
    first_offset_ = r.time_offset;
  }
  if (ends_.dport == 0 || (earliest && r.m.dport() != 0)) {
    const socket_id id = r.m.id();
    ends_ = {id.src, id.dst, id.sport, id.dport, id.interface};
  }

  if (end) {
    ended_ = true;
    end_time_ = r.ended.is_zero() ? time : r.ended;
    end_offset_ = r.ended.is_zero() ? r.time_offset : r.ended_offset;
    if (r.m.dport() == 0 || (r.carried & ends_bit) != 0) ends_cleared_ = true;
  } else if (state < 32) {
    states_ |= std::uint32_t{1} << state;
    if (state_ == 0 || time >= state_time_) {
      state_ = state;
      state_time_ = time;
    }
  }
  opener_.saw_state(state, time);
  if (r.cong != name_pool::none && (latest || cong_ == name_pool::none)) cong_ = r.cong;
  if (r.info.data() != nullptr) add_info(r, latest);
}

void records_summary::add_info(const seen_message& r, bool latest) {
  const auto state = static_cast<std::uint8_t>(r.m.state());
  const bool end = state == closed_state;
  const packed_time time = r.time;
  // The kernel reads the message's state first, then that in tcp_info, then the counters. What
  // comes in between is in the later ones only.
  std::uint8_t of_info = 0;
  (void)read<tcp_field::state>(r.info, of_info);
  const std::uint8_t counted = of_info != 0 && of_info < 32 && !end ? of_info : state;
  if (counted != closed_state && counted < 32) states_ |= std::uint32_t{1} << counted;
  // Files of before Carried was written tell by the state in it, which is that of the time.
  const bool info_carried = end && ((r.carried & attribute_bit(attribute_type::info)) != 0 ||
                                    (of_info != closed_state && of_info != 0));
  const bool true_end = end && !info_carried;

  flow_totals t;
  t.take(r.info);
  opener_.saw_state(counted, time);
  opener_.saw_totals(t, end, time);
  // A message filled while the socket closed has counters of the end already. Records may come in
  // any order.
  if (!end && of_info != closed_state && (!before_end_.there || time >= before_end_time_)) {
    before_end_ = counts_of(t);
    before_end_time_ = time;
  }
  if (!info_) first_is_end_ = end;
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
    fin_.judge(received_of(last_), received_of(t), end, saw_fin());
    last_ = t;
    last_info_time_ = end ? end_time_ : time;
    last_is_end_ = true_end;
  } else if (true_end) {
    set_at_end(counts_of(t));
    last_is_end_ = false;
  }
  info_ = true;
  // Times before 1970 are of no recording.
  if (const packed_time at = end ? end_time_ : time;
      !causes_lost_ && !at.is_zero() && at.raw() >= 0)
    causes_.add(why::cause_point::of(r.m, r.info, at.raw(), r.bbr));
  // A socket that its program has closed is nobody's.
  if (r.m.uid() != 0) uid_ = r.m.uid();

  std::uint32_t rtt = 0;
  (void)read<tcp_field::rtt>(r.info, rtt);
  if (rtt != 0) rtts_.add(rtt);
  if (rtt != 0 && latest) last_rtt_us_ = rtt;
  // Before 4.6 there is only the smoothed one. Neither 0 nor the field's sentinel was measured.
  std::uint32_t low = rtt;
  if (read<tcp_field::min_rtt>(r.info, low) && low == never_measured) low = 0;
  if (low != 0 && (min_rtt_ == 0 || low < min_rtt_)) min_rtt_ = low;
  if (std::uint64_t rate = 0; read<tcp_field::delivery_rate>(r.info, rate)) {
    has_rate_ = true;
    peak_rate_ = std::max(peak_rate_, rate);
  }
}

void records_summary::set_at_end(const last_counts& c) {
  if (at_end_ == nullptr)
    at_end_ = std::make_unique<last_counts>(c);
  else
    *at_end_ = c;
}

bool records_summary::saw_fin() const noexcept {
  constexpr std::uint32_t those = state_bit(tcp_state::close_wait) |
                                  state_bit(tcp_state::last_ack) | state_bit(tcp_state::closing);
  return (states_ & those) != 0;
}

// Compared where they stand: this is asked of every record.
bool records_summary::has_other_ends(const message& m) const noexcept {
  if (m.dport() != ends_.dport || m.sport() != ends_.sport || m.family() != ends_.dst.family)
    return true;
  const std::byte* dst = m.bytes.data() + wire::dst_at;
  return m.family() == address_family::ipv4 ? std::memcmp(dst, ends_.dst.bytes.data(), 4) != 0
                                            : std::memcmp(dst, ends_.dst.bytes.data(), 16) != 0;
}

bool records_summary::is_left_by(const records_summary& later) const noexcept {
  // All that was seen of it is its end.
  if (snapshots_ == 0 || later.ends_.dport == 0 || later.state_ == 0) return false;
  if (ends_.dport != 0 && (later.ends_.dport != ends_.dport || later.ends_.sport != ends_.sport ||
                           later.ends_.dst != ends_.dst))
    return true;
  return ended_ &&
         (later.first_time_.is_zero() || last_time_.is_zero() || later.first_time_ > last_time_);
}

void records_summary::merge(records_summary&& other) {
  if (other.snapshots_ == 0) return;
  // What is no more than the end comes last, though its time may be before that of the last poll.
  const bool only_end = state_ == 0;
  const bool before = only_end != (other.state_ == 0)
                          ? only_end
                          : !other.first_time_.is_zero() && other.first_time_ < first_time_;
  if (snapshots_ == 0 || before) std::swap(*this, other);
  if (other.snapshots_ != 0) append(other);
}

// What each member comes to where later records are added one by one.
void records_summary::append(records_summary& later) {
  append_totals(later);
  snapshots_ += later.snapshots_;
  const bool latest = later.last_time_.is_zero() || later.last_time_ >= last_time_;
  if (latest && !later.last_time_.is_zero()) {
    last_time_ = later.last_time_;
    last_offset_ = later.last_offset_;
  }
  if (!later.first_time_.is_zero() && (first_time_.is_zero() || later.first_time_ < first_time_)) {
    first_time_ = later.first_time_;
    first_offset_ = later.first_offset_;
  }
  if (ends_.dport == 0) ends_ = later.ends_;
  if (later.ended_) {
    ended_ = true;
    end_time_ = later.end_time_;
    end_offset_ = later.end_offset_;
  }
  ends_cleared_ = ends_cleared_ || later.ends_cleared_;
  states_ |= later.states_;
  if (later.state_ != 0 && (state_ == 0 || later.state_time_ >= state_time_)) {
    state_ = later.state_;
    state_time_ = later.state_time_;
  }
  opener_.append(later.opener_);
  if (later.cong_ != name_pool::none && (latest || cong_ == name_pool::none)) cong_ = later.cong_;
  if (later.before_end_.there &&
      (!before_end_.there || later.before_end_time_ >= before_end_time_)) {
    before_end_ = later.before_end_;
    before_end_time_ = later.before_end_time_;
  }
  if (later.uid_ != 0) uid_ = later.uid_;
  rtts_.merge(later.rtts_);
  if (later.last_rtt_us_ != 0 && latest) last_rtt_us_ = later.last_rtt_us_;
  if (later.min_rtt_ != 0 && (min_rtt_ == 0 || later.min_rtt_ < min_rtt_))
    min_rtt_ = later.min_rtt_;
  has_rate_ = has_rate_ || later.has_rate_;
  peak_rate_ = std::max(peak_rate_, later.peak_rate_);
}

// Before anything else is added: the states and totals are still those of the earlier records.
void records_summary::append_totals(records_summary& later) {
  if (!later.info_) return;
  causes_.append(std::move(later.causes_));
  causes_lost_ = causes_lost_ || later.causes_lost_;
  if (causes_lost_) causes_ = {};
  if (!info_ || later.first_info_time_ < first_info_time_) {
    first_ = later.first_;
    first_info_time_ = later.first_info_time_;
  }
  // A first record of the end was taken there for want of another one before it.
  const bool of_the_end = later.first_is_end_;
  const auto is_less = [&](total of) { return later.last_.or_zero(of) < last_.or_zero(of); };
  const bool cleared =
      of_the_end && info_ && (is_less(total::bytes_acked) || is_less(total::bytes_received));
  // That of an end is when it ended, which may be before the last poll here.
  const bool newest = of_the_end ? later.end_counted_ && later.last_is_end_
                                 : !end_counted_ && (later.first_info_time_ >= last_info_time_ ||
                                                     later.last_info_time_ >= last_info_time_);
  if ((!info_ || newest) && !cleared) {
    fin_.append(later.fin_, received_of(last_), saw_fin());
    last_ = later.last_;
    last_info_time_ = later.last_info_time_;
    last_is_end_ = later.last_is_end_;
    if (later.end_counted_ && !last_is_end_) at_end_ = std::move(later.at_end_);
  } else if (later.end_counted_) {
    set_at_end(later.counts_at_end());
    last_is_end_ = false;
  }
  if (!info_) first_is_end_ = of_the_end;
  end_counted_ = end_counted_ || later.end_counted_;
  info_ = true;
}

socket_id records_summary::ends() const noexcept {
  socket_id id;
  id.src = ends_.src;
  id.dst = ends_.dst;
  id.sport = ends_.sport;
  id.dport = ends_.dport;
  id.interface = ends_.interface;
  return id;
}

bool records_summary::saw(std::initializer_list<tcp_state> states) const noexcept {
  return std::any_of(states.begin(), states.end(),
                     [this](tcp_state s) { return (states_ & state_bit(s)) != 0; });
}

std::optional<bool> records_summary::fin_of_ours_acked() const noexcept {
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

records_summary::last_word records_summary::said_last() const noexcept {
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

closing records_summary::closed() const noexcept {
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
  if (fin == true) return fin_.counted() == false ? closing::fin_local : closing::fin;
  if (told == last_word::nothing) return closing::aborted;
  if (told == last_word::reset) return closing::rst;
  return fin ? closing::rst : closing::unknown;
}

std::optional<std::uint64_t> records_summary::sent() const noexcept {
  if (!info_) return std::nullopt;
  return last_.acked_data();
}

std::optional<std::uint64_t> records_summary::received() const noexcept {
  if (!info_) return std::nullopt;
  const std::uint64_t received = last_.or_zero(total::bytes_received);
  return received - (fin_.counted().value_or(false) && received > 0 ? 1U : 0U);
}

std::optional<double> records_summary::retransmitted_percent() const noexcept {
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

std::optional<double> records_summary::mean_rate(packed_time opened) const noexcept {
  const bool whole = !opened.is_zero();
  const packed_time from_time = whole ? opened : first_info_time_;
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

std::optional<double> records_summary::busy_percent(packed_time opened) const noexcept {
  const bool whole = !opened.is_zero();
  const packed_time from_time = whole ? opened : first_info_time_;
  const auto busy = last_.get(total::busy_time);
  if (!info_ || !busy || from_time.is_zero()) return std::nullopt;
  const std::int64_t ns = last_info_time_.since(from_time);
  const std::uint64_t before = whole ? 0 : first_.busy;
  if (ns <= 0 || *busy < before) return std::nullopt;
  const double busy_ns = static_cast<double>(*busy - before) * 1000;
  // The kernel counts in ticks of its clock, which may be more than has passed.
  return std::min(100.0, 100 * busy_ns / static_cast<double>(ns));
}

std::optional<records_summary::limits> records_summary::limited() const noexcept {
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

}  // namespace tcpinfo::analysis
