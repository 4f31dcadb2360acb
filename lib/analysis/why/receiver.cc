// SPDX-License-Identifier: Apache-2.0
#include "analysis/why/receiver.h"

#include <fmt/format.h>

#include <algorithm>

#include "analysis/why/thresholds.h"
#include "analysis/why/words.h"

namespace tcpinfo::analysis::why {
namespace {

// Without timestamps the kernel takes the time in which a window's worth of data came for a round
// trip (tcp_rcv_rtt_measure() in net/ipv4/tcp_input.c), of a trickle seconds or minutes. What the
// sending side measured, if only by the handshake, tells that.
std::uint64_t round_trip_us(const sample& s) noexcept {
  const std::uint64_t received_us = s.or_zero(seen::rcv_rtt);
  const std::uint64_t sent_us = s.or_zero(seen::rtt);
  return sent_us == 0 ? received_us
                      : std::min(received_us, thresholds::receiver_round_trips * sent_us);
}

// T-RAT from the other end: what comes in a round trip is the window that was announced.
bool is_at_window(const life& l, std::size_t i) noexcept {
  const sample& s = l.to(i);
  const std::uint64_t window = s.or_zero(seen::rcv_wnd);
  const std::uint64_t rtt_us = round_trip_us(s);
  if (window == 0 || rtt_us == 0 || l.length_ns(i) <= 0) return false;
  const double in_a_round_trip = static_cast<double>(grown(l.from(i), s, seen::bytes_received)) *
                                 static_cast<double>(rtt_us) * 1000 /
                                 static_cast<double>(l.length_ns(i));
  return in_a_round_trip >= thresholds::window_used_share * static_cast<double>(window);
}

std::uint64_t most_rcvbuf(const life& l) noexcept {
  std::uint64_t most = l.start().or_zero(seen::rcvbuf);
  for (std::size_t i = 0; i < l.size(); ++i) most = std::max(most, l.to(i).or_zero(seen::rcvbuf));
  return most;
}

// Nothing came, or not what was next.
bool is_silent(const life& l, std::size_t i) noexcept {
  return grown(l.from(i), l.to(i), seen::rcv_ooopack) != 0 ||
         grown(l.from(i), l.to(i), seen::bytes_received) == 0;
}

// What probes a window that unread data has closed is dropped as well: one segment at a time, and
// no sooner than a timeout's least time.
std::uint64_t probes_in(std::int64_t length_ns) noexcept {
  return 1 + static_cast<std::uint64_t>(length_ns / thresholds::least_timeout_ns);
}

// Behind drops the kernel announces two segments (tcp_clamp_window() in net/ipv4/tcp_input.c), and
// what was dropped comes again, mostly after a timeout. So drops hold while nothing comes, or the
// window still grows to what it was. Where the sender had no more, the time until it has more may
// be hours, and the window has not grown back either.
bool is_recovering(const life& l, std::size_t i, std::uint64_t before, bool behind_drops) noexcept {
  if (l.length_ns(i) > thresholds::longest_repair_ns) return false;
  if (behind_drops && is_silent(l, i)) return true;
  if (before == 0 || l.from(i).or_zero(seen::rcv_wnd) >= before) return false;
  return is_silent(l, i) || l.to(i).or_zero(seen::rcv_wnd) > l.from(i).or_zero(seen::rcv_wnd);
}

}  // namespace

// A buffer that the program set stays as it is; one that the kernel tunes has grown, until it stood
// at its cap (tcp_rmem). While it still grows it is no cause: the sender grows as well.
labels receiver_causes(const life& l) {
  labels causes(l.size(), cause::none);
  const std::uint64_t first_buffer = l.start().or_zero(seen::rcvbuf);
  const std::uint64_t cap = most_rcvbuf(l);
  std::uint64_t before_drops = 0;  // the window that is to be reached again; 0: reached
  for (std::size_t i = 0; i < l.size(); ++i) {
    const sample& from = l.from(i);
    const sample& to = l.to(i);
    const round_signs& m = l.signs(i);
    if (l.is_opening(i)) continue;
    const std::uint64_t dropped = m.receive_full ? grown(from, to, seen::drops) : 0;
    const bool unread =
        m.samples != 0 &&
        static_cast<double>(m.unread) > thresholds::unread_share * static_cast<double>(m.samples);
    if (dropped > (unread ? probes_in(l.length_ns(i)) : 0)) {
      causes[i] = cause::host_drops;
      before_drops = std::max(before_drops, from.or_zero(seen::rcv_wnd));
    } else if (unread) {
      causes[i] = cause::peer_reads_slowly;
    } else if (is_recovering(l, i, before_drops, i > 0 && causes[i - 1] == cause::host_drops)) {
      causes[i] = cause::host_drops;
    } else if (grown(from, to, seen::received_ce) != 0) {
      causes[i] = cause::ecn;
    } else if (is_at_window(l, i) && to.has(seen::rcvbuf)) {
      const bool at_cap = to.or_zero(seen::rcvbuf) == cap;
      if (at_cap) causes[i] = cap > first_buffer ? cause::receive_autotuning : cause::peer_window;
    } else if (is_silent(l, i)) {
      causes[i] = cause::cannot_tell;
    }
    if (causes[i] != cause::host_drops && !unread) before_drops = 0;
  }
  return causes;
}

void explain_receiver(const life& l, phase& p) {
  const sample& before = l.from(p.first);
  const sample& s = l.to(p.last);
  std::uint64_t unread = 0;
  for (std::size_t i = p.first; i <= p.last; ++i) unread = std::max(unread, l.signs(i).most_rqueue);
  switch (p.of) {
    case cause::peer_reads_slowly:
      p.sentence = fmt::format(
          "The program at this end reads slower than data comes: up to {} waited for it.",
          bytes_text(unread));
      p.show(s, seen::rqueue, "received and not read yet");
      p.show(s, seen::rcv_wnd, "what the window had left");
      p.show(s, seen::rcvbuf, "receive buffer");
      break;
    case cause::peer_window:
    case cause::receive_autotuning:
      if (p.of == cause::peer_window)
        p.sentence = "The receive buffer of this end allows no larger window";
      else
        p.sentence = "The kernel made the receive buffer no larger (tcp_rmem)";
      p.sentence += fmt::format(": {} were full each round trip of {}.",
                                bytes_text(s.or_zero(seen::rcv_wnd)), us_text(round_trip_us(s)));
      p.show(s, seen::rcv_wnd, "window that this end announces");
      p.show(s, seen::rcv_rtt, "round-trip time as the receiver sees it");
      p.show(l.start(), seen::rcvbuf, "receive buffer at the beginning");
      p.show(s, seen::rcvbuf, "receive buffer at the end");
      p.show_growth(before, s, seen::bytes_received, "bytes received");
      break;
    case cause::ecn:
      p.sentence = "Routers marked segments on their way to this end (ECN).";
      p.show_growth(before, s, seen::received_ce, "segments that came marked");
      break;
    case cause::host_drops:
      p.sentence = "This machine dropped segments that had arrived, for want of room.";
      p.show_growth(before, s, seen::drops, "segments dropped by this machine");
      p.show(s, seen::rcvbuf, "receive buffer");
      break;
    case cause::cannot_tell:
      p.sentence = "Nothing came, and the receiver cannot know why.";
      if (grown(before, s, seen::rcv_ooopack) == 0) break;
      p.sentence =
          "Segments came out of order: whether they were lost or late only the sender's records "
          "tell.";
      p.show_growth(before, s, seen::rcv_ooopack, "segments that came out of order");
      break;
    default:
      p.sentence = "Nothing at this end held the sender back.";
      break;
  }
}

}  // namespace tcpinfo::analysis::why
