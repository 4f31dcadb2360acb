// SPDX-License-Identifier: Apache-2.0
#include "analysis/why/rounds.h"

#include <algorithm>

#include "analysis/kernel_values.h"
#include "analysis/why/thresholds.h"

namespace tcpinfo::analysis::why {
namespace {

// Memory that a socket may have, and has nearly all of.
bool is_full(const sample& s, seen used, seen limit, double share) noexcept {
  const auto room = static_cast<double>(s.or_zero(limit));
  return room > 0 && static_cast<double>(s.or_zero(used)) >= share * room;
}

bool is_buffer_full(const sample& s) noexcept {
  return is_full(s, seen::wmem_queued, seen::sndbuf, thresholds::waiting_writer_share);
}

// The kernel does not call a flow limited by the program whose buffer takes no more.
bool is_starved(const sample& s) noexcept {
  return s.has(seen::notsent_bytes) && s.or_zero(seen::notsent_bytes) == 0 &&
         (s.or_zero(seen::app_limited) != 0 || is_buffer_full(s)) &&
         s.or_zero(seen::unacked) < s.or_zero(seen::snd_cwnd);
}

bool is_window_closed(const sample& s) noexcept {
  if (s.or_zero(seen::timer) == probe_timer || s.or_zero(seen::probes) != 0) return true;
  return s.has(seen::snd_wnd) && s.or_zero(seen::snd_mss) != 0 &&
         s.or_zero(seen::snd_wnd) < thresholds::closed_window_segments * s.or_zero(seen::snd_mss);
}

// Unread data takes room that would be announced as window otherwise.
bool is_unread(const sample& s) noexcept {
  const auto unread = static_cast<double>(s.or_zero(seen::rqueue));
  if (unread == 0) return false;
  if (const auto window = s.get(seen::rcv_wnd))
    return unread >= thresholds::unread_share * (unread + static_cast<double>(*window));
  return s.has(seen::rcvbuf) &&
         static_cast<double>(s.or_zero(seen::rmem_alloc)) >=
             thresholds::unread_share * static_cast<double>(s.or_zero(seen::rcvbuf));
}

}  // namespace

bool is_opening(tcp_state state) noexcept {
  return state == tcp_state::syn_sent || state == tcp_state::syn_recv ||
         state == tcp_state::new_syn_recv;
}

bool is_tail(const sample& s) noexcept {
  const std::uint64_t unacked = s.or_zero(seen::unacked);
  return s.has(seen::notsent_bytes) && s.or_zero(seen::notsent_bytes) == 0 && unacked > 0 &&
         unacked <= thresholds::tail_segments;
}

bool is_held_by_nagle(const sample& s) noexcept {
  const std::uint64_t mss = s.or_zero(seen::snd_mss);
  const std::uint64_t waiting = s.or_zero(seen::notsent_bytes);
  const std::uint64_t unacked = s.or_zero(seen::unacked);
  if (waiting == 0 || waiting >= mss || unacked == 0 || s.or_zero(seen::retransmits) != 0)
    return false;
  const bool fits_cwnd = unacked < s.or_zero(seen::snd_cwnd);
  const bool fits_window = !s.has(seen::snd_wnd) || s.or_zero(seen::snd_wnd) >= (unacked + 1) * mss;
  return fits_cwnd && fits_window;
}

bool is_bbr_draining(const sample& s) noexcept {
  return s.get(seen::bbr_pacing_gain) == thresholds::bbr_drain_gain;
}

bool is_bbr_phase(const sample& s) noexcept {
  return is_bbr_draining(s) || (s.has(seen::bbr_pacing_gain) &&
                                s.or_zero(seen::snd_cwnd) <= thresholds::bbr_probe_rtt_segments &&
                                s.or_zero(seen::ca_state) == 0);
}

void round_signs::merge(const round_signs& later) noexcept {
  samples += later.samples;
  starved += later.starved;
  buffer_full += later.buffer_full;
  window_closed += later.window_closed;
  unread += later.unread;
  tails += later.tails;
  bbr_probes += later.bbr_probes;
  bbr_phases += later.bbr_phases;
  had_more = had_more || later.had_more;
  receive_full = receive_full || later.receive_full;
  timed_out = timed_out || later.timed_out;
  most_rtt_us = std::max(most_rtt_us, later.most_rtt_us);
  least_snd_wnd = std::min(least_snd_wnd, later.least_snd_wnd);
  most_snd_wnd = std::max(most_snd_wnd, later.most_snd_wnd);
  most_cwnd = std::max(most_cwnd, later.most_cwnd);
  most_rqueue = std::max(most_rqueue, later.most_rqueue);
  window_falls += later.window_falls;
  nagle_ns += later.nagle_ns;
}

std::int64_t round_cutter::least_length() const noexcept {
  const auto srtt_ns = static_cast<std::int64_t>(latest_.or_zero(seen::rtt)) * 1000;
  return std::max(
      {shortest_ns_, srtt_ns, thresholds::steps_of_a_round * thresholds::chronograph_step_ns});
}

void round_cutter::add(const sample& s) {
  if (!begun_) {
    begun_ = true;
    start_ = latest_ = s;
    if (is_held_by_nagle(s)) nagle_since_ns_ = s.time_ns();
    return;
  }
  const std::int64_t silence = s.time_ns() - latest_.time_ns();
  // A long silence, such as before a timeout, is a round of its own: what came before it is of
  // another kind. So is what comes before and after a change of state, and of what BBR does: it
  // drains for less than a round trip, whose time has the queue in it.
  const bool changes = s.state() != latest_.state() || is_bbr_phase(s) != is_bbr_phase(latest_);
  if ((silence >= least_length() || changes) && open_.samples != 0) {
    const bool is_short = latest_.time_ns() - begin_of_open().time_ns() < least_length() &&
                          !rounds_.empty() && rounds_.back().last.state() == latest_.state() &&
                          is_bbr_phase(rounds_.back().last) == is_bbr_phase(latest_);
    if (is_short) {
      rounds_.back().signs.merge(open_);
      rounds_.back().last = latest_;
      open_ = {};
    } else {
      close();
    }
  }
  // The handshake is a round, whatever its length.
  const bool opened = is_opening(latest_.state()) && !is_opening(s.state());
  note(s);
  if (opened || s.time_ns() - begin_of_open().time_ns() >= least_length()) close();
}

void round_cutter::note(const sample& s) {
  if (nagle_since_ns_ != 0) {
    open_.nagle_ns += s.time_ns() - latest_.time_ns();
    if (!is_held_by_nagle(s)) {
      std::uint64_t path_us = s.or_zero(seen::min_rtt);
      if (descriptor_of(seen::min_rtt).sentinel() == path_us) path_us = 0;
      const std::int64_t held = s.time_ns() - nagle_since_ns_;
      if (held >= static_cast<std::int64_t>(path_us) * 1000 + thresholds::delayed_ack_ns)
        ++delayed_acks_;
      nagle_since_ns_ = 0;
    }
  } else if (is_held_by_nagle(s)) {
    nagle_since_ns_ = s.time_ns();
  }
  round_signs& m = open_;
  ++m.samples;
  if (is_starved(s)) {
    ++m.starved;
    if (is_buffer_full(s)) ++m.buffer_full;
  }
  if (is_window_closed(s)) ++m.window_closed;
  if (is_unread(s)) ++m.unread;
  if (is_tail(latest_))
    m.tails += static_cast<std::uint32_t>(grown(latest_, s, seen::total_retrans));
  if (s.has(seen::bbr_pacing_gain) &&
      s.or_zero(seen::bbr_pacing_gain) != thresholds::bbr_steady_gain)
    ++m.bbr_probes;
  if (is_bbr_phase(s)) ++m.bbr_phases;
  m.had_more = m.had_more || s.or_zero(seen::notsent_bytes) != 0;
  m.receive_full = m.receive_full || s.or_zero(seen::backlog) != 0 ||
                   is_full(s, seen::rmem_alloc, seen::rcvbuf, thresholds::full_buffer_share);
  m.timed_out =
      m.timed_out || s.or_zero(seen::retransmits) != 0 || s.or_zero(seen::ca_state) == loss_state;
  m.most_rtt_us = std::max(m.most_rtt_us, s.or_zero(seen::rtt));
  if (const auto window = s.get(seen::snd_wnd)) {
    m.least_snd_wnd = std::min(m.least_snd_wnd, *window);
    m.most_snd_wnd = std::max(m.most_snd_wnd, *window);
    if (const auto before = latest_.get(seen::snd_wnd))
      m.window_falls += *before - std::min(*window, *before);
  }
  m.most_cwnd = std::max(m.most_cwnd, s.or_zero(seen::snd_cwnd));
  m.most_rqueue = std::max(m.most_rqueue, s.or_zero(seen::rqueue));
  latest_ = s;
}

void round_cutter::close() {
  rounds_.push_back(round{latest_, open_});
  open_ = {};
  if (rounds_.size() > thresholds::most_rounds) halve();
}

void round_cutter::halve() {
  // The handshake stays a round of its own.
  std::size_t to = why::is_opening(start_.state()) ? 1 : 0;
  for (std::size_t from = to; from < rounds_.size(); from += 2, ++to) {
    round merged = rounds_[from];
    if (from + 1 < rounds_.size()) {
      merged.signs.merge(rounds_[from + 1].signs);
      merged.last = rounds_[from + 1].last;
    }
    rounds_[to] = merged;
  }
  rounds_.resize(to);
  const std::int64_t life = latest_.time_ns() - start_.time_ns();
  shortest_ns_ = std::max(shortest_ns_ * 2, life / static_cast<std::int64_t>(to));
}

void round_cutter::finish() {
  if (open_.samples == 0) return;
  const bool is_short = latest_.time_ns() - begin_of_open().time_ns() < least_length();
  if (is_short && !rounds_.empty()) {
    rounds_.back().signs.merge(open_);
    rounds_.back().last = latest_;
    open_ = {};
  } else {
    close();
  }
}

}  // namespace tcpinfo::analysis::why
