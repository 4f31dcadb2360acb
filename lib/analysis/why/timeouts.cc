// SPDX-License-Identifier: Apache-2.0
#include "analysis/why/timeouts.h"

#include <fmt/format.h>

#include <algorithm>

#include "analysis/kernel_values.h"
#include "analysis/why/thresholds.h"
#include "analysis/why/words.h"

namespace tcpinfo::analysis::why {
namespace {

// Something waits for its acknowledgement, and not because the peer's window is closed. The
// window's clock may run meanwhile: where it was full when the silence began.
bool is_waiting(const life& l, std::size_t i) noexcept {
  const split s = l.split_of(i);
  return s.window + s.buffer + s.rest > 0 && l.signs(i).window_closed == 0 && !l.is_opening(i);
}

// total_rto since Linux 6.7; before it retransmits and the congestion state tell, where a record
// was made meanwhile.
bool is_stalled(const life& l, std::size_t i) noexcept {
  const sample& from = l.from(i);
  return is_waiting(l, i) &&
         (grown(from, l.to(i), seen::total_rto) != 0 || l.signs(i).timed_out ||
          from.or_zero(seen::retransmits) != 0 || from.or_zero(seen::ca_state) == loss_state);
}

// The last segments were lost, and too few came behind them for three duplicates: only the probe of
// the tail (RFC 8985, two round trips), or a timeout, tells. All that was sent again in the round
// was sent for that.
bool is_probed_tail(const life& l, std::size_t i) noexcept {
  const std::uint64_t again = grown(l.from(i), l.to(i), seen::total_retrans);
  return again != 0 && l.signs(i).tails >= again && is_waiting(l, i);
}

// Segments that the peer had already answer by DSACK one round trip after they were sent again.
bool was_spurious(const life& l, std::size_t first, std::size_t last) noexcept {
  const std::int64_t wait = 2 * static_cast<std::int64_t>(l.to(last).or_zero(seen::rtt)) * 1000;
  std::size_t until = last;
  while (until + 1 < l.size() && l.from(until + 1).time_ns() - l.to(last).time_ns() <= wait)
    ++until;
  const std::uint64_t again = grown(l.from(first), l.to(last), seen::total_retrans);
  const std::uint64_t twice = grown(l.from(first), l.to(until), seen::dsack_dups);
  // The kernel has taken back what it did to the window, too, where it noticed.
  const auto threshold = l.from(first).get(seen::snd_ssthresh);
  const bool undone = threshold && l.from(first).or_zero(seen::ca_state) != loss_state &&
                      l.to(until).or_zero(seen::ca_state) != loss_state &&
                      l.to(until).get(seen::snd_ssthresh) == threshold;
  return twice != 0 && (undone || static_cast<double>(twice) >=
                                      thresholds::needless_share * static_cast<double>(again));
}

// Packetization layer path MTU discovery (RFC 4821): what is full is lost again and again while
// small segments pass; where the kernel probes for it, it goes on with smaller ones.
bool was_mtu_hole(const life& l, std::size_t first, std::size_t last) noexcept {
  const sample& before = l.from(first);
  const std::uint64_t mss = before.or_zero(seen::snd_mss);
  std::uint64_t in_a_row = 0;
  for (std::size_t i = first; i <= last; ++i)
    in_a_row = std::max(in_a_row, l.to(i).or_zero(seen::retransmits));
  in_a_row = std::max(in_a_row, grown(before, l.to(last), seen::total_rto));
  if (mss == 0 || in_a_row + 1 < thresholds::mtu_timeouts) return false;
  const bool shrank = l.to(last).or_zero(seen::snd_mss) < mss ||
                      (last + 1 < l.size() && l.to(last + 1).or_zero(seen::snd_mss) < mss);
  if (shrank && l.final().has(seen::snd_mss)) return true;
  if (in_a_row < thresholds::mtu_timeouts || grown(before, l.final(), seen::bytes_acked) != 0)
    return false;
  // It never ended: the handshake passed, and of full segments not one.
  const auto segments = before.or_zero(seen::delivered);
  const std::uint64_t data = before.or_zero(seen::bytes_acked);
  const bool measured = before.or_zero(seen::rtt) != 0;
  const bool waits_for_full = l.final().or_zero(seen::notsent_bytes) >= mss ||
                              before.or_zero(seen::bytes_sent) > data + mss;
  return measured && waits_for_full && data <= std::max<std::uint64_t>(1, segments) * (mss / 2);
}

cause cause_of(const life& l, std::size_t first, std::size_t last) noexcept {
  if (was_spurious(l, first, last)) return cause::spurious_rto;
  if (was_mtu_hole(l, first, last)) return cause::mtu_hole;
  return is_tail(l.from(first)) ? cause::tail_loss : cause::rto_stall;
}

}  // namespace

void label_timeouts(const life& l, labels& to) {
  std::size_t i = 0;
  while (i < l.size()) {
    if (!is_stalled(l, i)) {
      if (to[i] == cause::none && is_probed_tail(l, i) && !was_spurious(l, i, i))
        to[i] = cause::tail_loss;
      ++i;
      continue;
    }
    const std::size_t first = i;
    while (i < l.size() && is_stalled(l, i)) ++i;
    const cause c = cause_of(l, first, i - 1);
    for (std::size_t k = first; k < i; ++k)
      if (to[k] == cause::none) to[k] = c;
  }
}

void explain_timeout(const life& l, phase& p) {
  const sample& before = l.from(p.first);
  const sample& after = l.to(p.last);
  const std::string length = ns_text(p.end_ns - p.begin_ns);
  switch (p.of) {
    case cause::spurious_rto:
      p.sentence = fmt::format(
          "For {} nothing was acknowledged and a timeout sent data again, which had arrived: it "
          "was late, not lost.",
          length);
      p.show_growth(before, l.final(), seen::dsack_dups, "segments that arrived twice");
      break;
    case cause::mtu_hole:
      p.sentence = fmt::format(
          "Full segments of {} never arrived, and smaller ones did: a hole for large packets on "
          "the path.",
          bytes_text(before.or_zero(seen::snd_mss)));
      p.show(before, seen::snd_mss, "segment size before");
      p.show(l.final(), seen::snd_mss, "segment size at the end");
      p.show(l.final(), seen::pmtu, "path MTU at the end");
      break;
    case cause::tail_loss:
      p.sentence = fmt::format(
          "The last data that the program had written was lost, and nothing came behind it to tell "
          "of that: {} until it was sent again and acknowledged.",
          length);
      p.show(before, seen::unacked, "segments outstanding, and nothing more to be sent");
      break;
    default:
      p.sentence = fmt::format("Nothing passed, and sending waited for timeouts: {}.", length);
      break;
  }
  p.show_growth(before, after, seen::total_rto, "timeouts");
  p.show_growth(before, after, seen::total_rto_time, "time in recovery from timeouts");
  p.show_growth(before, after, seen::total_retrans, "segments sent again");
  p.show(before, seen::rto, "how long a timeout waited at first");
}

}  // namespace tcpinfo::analysis::why
