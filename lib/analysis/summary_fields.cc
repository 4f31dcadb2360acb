// SPDX-License-Identifier: Apache-2.0
//
// Summaries of records as values of a segment's summaries, and back. What often is alike is written
// as a difference: a value of 0 costs nothing.
#include <algorithm>

#include "analysis/records_summary.h"

namespace tcpinfo::analysis {
namespace {

using f = summary_field;

constexpr std::uint64_t ended_bit = 1;
constexpr std::uint64_t ends_cleared_bit = 2;
constexpr std::uint64_t end_counted_bit = 4;
constexpr std::uint64_t last_is_end_bit = 8;
constexpr std::uint64_t first_is_end_bit = 16;
constexpr std::uint64_t info_bit = 32;
constexpr std::uint64_t before_counts_bit = 64;
constexpr std::uint64_t at_end_bit = 128;
constexpr std::uint64_t at_end_counts_bit = 256;

// All differences are modulo 2^64: they come back whatever the numbers are.
std::uint64_t bits_of(packed_time t) noexcept { return static_cast<std::uint64_t>(t.raw()); }
packed_time time_of(std::uint64_t bits) noexcept {
  return packed_time::of_raw(static_cast<std::int64_t>(bits));
}
std::uint64_t base_bits(packed_time base) noexcept { return base.is_zero() ? 0 : bits_of(base); }
std::uint64_t signed_bits(std::int64_t n) noexcept { return static_cast<std::uint64_t>(n); }

// Eight bytes of an address, the first one the highest; of an IPv4 address its four.
std::uint64_t bytes_of(const ip_address& a, std::size_t from) noexcept {
  const std::size_t size = a.family == address_family::ipv4 ? 4 : 8;
  std::uint64_t n = 0;
  for (std::size_t i = 0; i < size; ++i) n = n << 8U | a.bytes[from + i];
  return n;
}
void set_bytes(ip_address& a, std::size_t from, std::uint64_t n) noexcept {
  const std::size_t size = a.family == address_family::ipv4 ? 4 : 8;
  for (std::size_t i = size; i-- > 0; n >>= 8U)
    a.bytes[from + i] = static_cast<std::uint8_t>(n & 255U);
}
void save_address(summary_values& to, const ip_address& a, f high, f low) noexcept {
  to.set(high, bytes_of(a, 0));
  if (a.family != address_family::ipv4) to.set(low, bytes_of(a, 8));
}
ip_address load_address(const summary_values& from, address_family family, f high, f low) noexcept {
  ip_address a;
  a.family = family;
  set_bytes(a, 0, from.at(high));
  if (family != address_family::ipv4) set_bytes(a, 8, from.at(low));
  return a;
}

// A day at most: what no time has is none.
std::int16_t offset_of(std::uint64_t bits) noexcept {
  const auto minutes = static_cast<std::int64_t>(bits);
  constexpr std::int64_t most = 24 * 60;
  return minutes < -most || minutes > most ? std::int16_t{0} : static_cast<std::int16_t>(minutes);
}

std::uint32_t narrow(std::uint64_t n) noexcept { return static_cast<std::uint32_t>(n); }

// Of causes_bits, behind the lowest one.
constexpr unsigned first_rest_at = 1;
constexpr std::uint64_t rest_mask = 31;
constexpr unsigned first_flags_at = 6;
constexpr unsigned last_flags_at = 14;

std::int64_t ms_of(packed_time t) noexcept { return why::cause_clock::milliseconds(t.raw()); }
std::uint64_t ms_of_us(std::uint64_t us) noexcept { return us / 1000; }

}  // namespace

void records_summary::save(summary_values& to, packed_time base) const {
  if (snapshots_ == 0) return;
  const std::uint64_t first = bits_of(first_time_);
  const std::uint64_t last = bits_of(last_time_);
  if (!first_time_.is_zero()) to.put(f::first_time, first - base_bits(base));
  to.set(f::last_time, last - first);
  to.set(f::first_offset, signed_bits(first_offset_));
  to.set(f::last_offset, signed_bits(last_offset_));
  to.set(f::states, states_);
  to.set(f::state, state_);
  if (state_ != 0) to.set(f::state_time, last - bits_of(state_time_));
  const auto flag = [](bool is, std::uint64_t bit) { return is ? bit : 0; };
  to.set(f::flags, flag(ended_, ended_bit) | flag(ends_cleared_, ends_cleared_bit) |
                       flag(end_counted_, end_counted_bit) | flag(last_is_end_, last_is_end_bit) |
                       flag(first_is_end_, first_is_end_bit) | flag(info_, info_bit) |
                       flag(before_end_.counts_segs_in, before_counts_bit) |
                       flag(at_end_ != nullptr, at_end_bit) |
                       flag(at_end_ != nullptr && at_end_->counts_segs_in, at_end_counts_bit));
  if (ended_) {
    to.set(f::end_time, last - bits_of(end_time_));
    to.set(f::end_offset, signed_bits(end_offset_));
  }
  to.set(f::family, static_cast<std::uint64_t>(ends_.src.family));
  to.set(f::sport, ends_.sport);
  to.set(f::dport, ends_.dport);
  save_address(to, ends_.src, f::src, f::src_rest);
  save_address(to, ends_.dst, f::dst, f::dst_rest);
  to.set(f::interface, ends_.interface);
  const opener::stored open = opener_.save();
  const std::uint64_t acked = last_.or_zero(total::bytes_acked);
  to.set(f::opener_bits, open.bits);
  if (!open.before_fin.is_zero()) to.put(f::opener_before_fin, last - bits_of(open.before_fin));
  if (open.first_acked != 0) {
    to.put(f::opener_time, bits_of(open.first_time) - first);
    to.set(f::opener_acked, acked - open.first_acked);
  }
  to.set(f::opener_most_acked, open.most_acked - acked);
  to.set(f::opener_most_unique, open.most_unique - last_.unique().value_or(0));
  save_info(to);
}

void records_summary::save_info(summary_values& to) const {
  if (!info_) return;
  const std::uint64_t first = bits_of(first_time_);
  const std::uint64_t last = bits_of(last_time_);
  const std::uint64_t acked = last_.or_zero(total::bytes_acked);
  const std::uint64_t received = last_.or_zero(total::bytes_received);
  to.set(f::uid, uid_);
  to.set(f::first_info_time, bits_of(first_info_time_) - first);
  to.set(f::first_acked, first_.acked_data);
  to.set(f::first_received, first_.received);
  to.set(f::first_busy, first_.busy);
  to.set(f::last_info_time,
         bits_of(last_is_end_ ? end_time_ : last_time_) - bits_of(last_info_time_));
  to.set(f::last_rtt, last_rtt_us_);
  to.set(f::min_rtt, min_rtt_);
  if (has_rate_) to.put(f::peak_rate, peak_rate_);
  const auto counts = [&](const last_counts& c, f from) {
    const auto at = [from](std::uint32_t i) {
      return static_cast<f>(static_cast<std::uint32_t>(from) + i);
    };
    to.set(at(0), acked - c.acked);
    to.set(at(1), received - c.received);
    to.set(at(2), narrow(last_.or_zero(total::segs_in) - c.segs_in));
    to.set(at(3), narrow(last_.or_zero(total::segs_out) - c.segs_out));
    to.set(at(4), c.retransmits);
    to.set(at(5), c.probes);
  };
  if (before_end_.there) {
    to.put(f::before_end_time, last - bits_of(before_end_time_));
    counts(before_end_, f::before_end_acked);
  }
  if (at_end_ != nullptr) counts(*at_end_, f::at_end_acked);
  const fin_judge::stored fin = fin_.save();
  to.set(f::fin_bits, fin.bits);
  to.set(f::fin_received, received - fin.bytes);
  to.set(f::fin_segments, narrow(last_.or_zero(total::data_segs_in) - fin.segments));
  for (std::size_t t = 0; t < total_count; ++t)
    if (const auto n = last_.get(static_cast<total>(t))) to.put(field_of_total(t), *n);
  save_causes(to);
}

// The first and the last record of the clock are those that other fields tell of, as a rule.
void records_summary::save_causes(summary_values& to) const {
  if (causes_.empty()) return;
  const why::cause_clock::stored c = causes_.whole().save();
  to.put(f::causes_bits, 1U | static_cast<std::uint64_t>(c.first.rest) << first_rest_at |
                             std::uint64_t{c.first.flags} << first_flags_at |
                             std::uint64_t{c.last.flags} << last_flags_at);
  to.set(f::causes_first_time, signed_bits(c.first.time_ms) - signed_bits(ms_of(first_info_time_)));
  to.set(f::causes_first_busy, narrow(c.first.busy_ms - ms_of_us(first_.busy)));
  to.set(f::causes_first_rwnd, c.first.rwnd_ms);
  to.set(f::causes_first_sndbuf, c.first.sndbuf_ms);
  to.set(f::causes_first_sent, c.first.sent);
  to.set(f::causes_first_received, narrow(c.first.received - first_.received));
  to.set(f::causes_first_timeouts, c.first.timeouts);
  to.set(f::causes_last_time, signed_bits(c.last.time_ms) - signed_bits(ms_of(last_info_time_)));
  to.set(f::causes_last_busy, narrow(c.last.busy_ms - ms_of_us(last_.or_zero(total::busy_time))));
  to.set(f::causes_last_rwnd,
         narrow(c.last.rwnd_ms - ms_of_us(last_.or_zero(total::rwnd_limited))));
  to.set(f::causes_last_sndbuf,
         narrow(c.last.sndbuf_ms - ms_of_us(last_.or_zero(total::sndbuf_limited))));
  to.set(f::causes_last_sent, narrow(c.last.sent - last_.or_zero(total::data_segs_out)));
  to.set(f::causes_last_received, narrow(c.last.received - last_.or_zero(total::bytes_received)));
  to.set(f::causes_last_timeouts,
         static_cast<std::uint16_t>(c.last.timeouts - last_.or_zero(total::total_rto)));
  to.set(f::causes_pending, signed_bits(c.pending_ms));
  for (std::size_t i = 0; i < c.ms.size(); ++i) to.set(field_of_cause(i), signed_bits(c.ms[i]));
}

void records_summary::load(const summary_values& from, packed_time base) {
  snapshots_ = from.at(f::records) - std::min(from.at(f::records), from.at(f::other_lines));
  const std::uint64_t first =
      from.has(f::first_time) ? base_bits(base) + from.at(f::first_time) : bits_of({});
  const std::uint64_t last = first + from.at(f::last_time);
  first_time_ = time_of(first);
  last_time_ = time_of(last);
  first_offset_ = offset_of(from.at(f::first_offset));
  last_offset_ = offset_of(from.at(f::last_offset));
  end_offset_ = offset_of(from.at(f::end_offset));
  states_ = narrow(from.at(f::states));
  state_ = static_cast<std::uint8_t>(from.at(f::state));
  state_time_ = state_ == 0 ? packed_time() : time_of(last - from.at(f::state_time));
  const auto has = [flags = from.at(f::flags)](std::uint64_t bit) { return (flags & bit) != 0; };
  ended_ = has(ended_bit);
  ends_cleared_ = has(ends_cleared_bit);
  end_counted_ = has(end_counted_bit);
  last_is_end_ = has(last_is_end_bit);
  first_is_end_ = has(first_is_end_bit);
  info_ = has(info_bit);
  end_time_ = ended_ ? time_of(last - from.at(f::end_time)) : packed_time();
  const auto family = static_cast<address_family>(from.at(f::family));
  ends_.src = load_address(from, family, f::src, f::src_rest);
  ends_.dst = load_address(from, family, f::dst, f::dst_rest);
  ends_.sport = static_cast<std::uint16_t>(from.at(f::sport));
  ends_.dport = static_cast<std::uint16_t>(from.at(f::dport));
  ends_.interface = narrow(from.at(f::interface));
  load_info(from);
}

void records_summary::load_info(const summary_values& from) {
  last_ = {};
  for (std::size_t t = 0; t < total_count; ++t)
    if (from.has(field_of_total(t))) last_.set(static_cast<total>(t), from.at(field_of_total(t)));
  const std::uint64_t first = bits_of(first_time_);
  const std::uint64_t last = bits_of(last_time_);
  const std::uint64_t acked = last_.or_zero(total::bytes_acked);
  const std::uint64_t received = last_.or_zero(total::bytes_received);
  uid_ = narrow(from.at(f::uid));
  first_info_time_ = info_ ? time_of(first + from.at(f::first_info_time)) : packed_time();
  first_ = {from.at(f::first_acked), from.at(f::first_received), from.at(f::first_busy)};
  last_info_time_ =
      info_ ? time_of(bits_of(last_is_end_ ? end_time_ : last_time_) - from.at(f::last_info_time))
            : packed_time();
  last_rtt_us_ = narrow(from.at(f::last_rtt));
  min_rtt_ = narrow(from.at(f::min_rtt));
  has_rate_ = from.has(f::peak_rate);
  peak_rate_ = from.at(f::peak_rate);
  const auto counts = [&](f at_first, std::uint64_t counts_segs_in) {
    const auto at = [&](std::uint32_t i) {
      return from.at(static_cast<f>(static_cast<std::uint32_t>(at_first) + i));
    };
    last_counts c;
    c.acked = acked - at(0);
    c.received = received - at(1);
    c.segs_in = narrow(last_.or_zero(total::segs_in) - at(2));
    c.segs_out = narrow(last_.or_zero(total::segs_out) - at(3));
    c.retransmits = static_cast<std::uint8_t>(at(4));
    c.probes = static_cast<std::uint8_t>(at(5));
    c.counts_segs_in = (from.at(f::flags) & counts_segs_in) != 0;
    c.there = true;
    return c;
  };
  before_end_ = {};
  before_end_time_ = {};
  if (from.has(f::before_end_time)) {
    before_end_ = counts(f::before_end_acked, before_counts_bit);
    before_end_time_ = time_of(last - from.at(f::before_end_time));
  }
  at_end_.reset();
  if ((from.at(f::flags) & at_end_bit) != 0) set_at_end(counts(f::at_end_acked, at_end_counts_bit));
  fin_.load({received - from.at(f::fin_received),
             narrow(last_.or_zero(total::data_segs_in) - from.at(f::fin_segments)),
             narrow(from.at(f::fin_bits))});
  opener::stored open;
  open.bits = narrow(from.at(f::opener_bits));
  if (from.has(f::opener_time)) {
    open.first_time = time_of(first + from.at(f::opener_time));
    open.first_acked = acked - from.at(f::opener_acked);
  }
  if (from.has(f::opener_before_fin))
    open.before_fin = time_of(last - from.at(f::opener_before_fin));
  open.most_acked = acked + from.at(f::opener_most_acked);
  open.most_unique = last_.unique().value_or(0) + from.at(f::opener_most_unique);
  opener_.load(open);
  load_causes(from);
}

void records_summary::load_causes(const summary_values& from) {
  causes_ = {};
  causes_lost_ = info_ && !from.has(f::causes_bits);
  if (!info_ || causes_lost_) return;
  why::cause_clock::stored c;
  const std::uint64_t bits = from.at(f::causes_bits);
  const std::uint64_t rest = bits >> first_rest_at & rest_mask;
  if (rest < why::cause_count) c.first.rest = static_cast<why::cause>(rest);
  c.first.flags = static_cast<std::uint8_t>(bits >> first_flags_at);
  c.last.flags = static_cast<std::uint8_t>(bits >> last_flags_at);
  const auto time = [](packed_time base, std::uint64_t more) {
    return static_cast<std::int64_t>(signed_bits(ms_of(base)) + more);
  };
  c.first.time_ms = time(first_info_time_, from.at(f::causes_first_time));
  c.first.busy_ms = narrow(ms_of_us(first_.busy) + from.at(f::causes_first_busy));
  c.first.rwnd_ms = narrow(from.at(f::causes_first_rwnd));
  c.first.sndbuf_ms = narrow(from.at(f::causes_first_sndbuf));
  c.first.sent = narrow(from.at(f::causes_first_sent));
  c.first.received = narrow(first_.received + from.at(f::causes_first_received));
  c.first.timeouts = static_cast<std::uint16_t>(from.at(f::causes_first_timeouts));
  const auto last_ms = [&](total t, f more) {
    return narrow(ms_of_us(last_.or_zero(t)) + from.at(more));
  };
  c.last.time_ms = time(last_info_time_, from.at(f::causes_last_time));
  c.last.busy_ms = last_ms(total::busy_time, f::causes_last_busy);
  c.last.rwnd_ms = last_ms(total::rwnd_limited, f::causes_last_rwnd);
  c.last.sndbuf_ms = last_ms(total::sndbuf_limited, f::causes_last_sndbuf);
  c.last.sent = narrow(last_.or_zero(total::data_segs_out) + from.at(f::causes_last_sent));
  c.last.received = narrow(last_.or_zero(total::bytes_received) + from.at(f::causes_last_received));
  c.last.timeouts = static_cast<std::uint16_t>(last_.or_zero(total::total_rto) +
                                               from.at(f::causes_last_timeouts));
  c.pending_ms = static_cast<std::int64_t>(from.at(f::causes_pending));
  for (std::size_t i = 0; i < c.ms.size(); ++i)
    c.ms[i] = static_cast<std::int64_t>(from.at(field_of_cause(i)));
  causes_.load(c);
}

}  // namespace tcpinfo::analysis
