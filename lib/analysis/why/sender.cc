// SPDX-License-Identifier: Apache-2.0
#include "analysis/why/sender.h"

#include <algorithm>

#include "analysis/why/application.h"
#include "analysis/why/delays.h"
#include "analysis/why/handshake.h"
#include "analysis/why/losses.h"
#include "analysis/why/pacing.h"
#include "analysis/why/queues.h"
#include "analysis/why/slow_start.h"
#include "analysis/why/thresholds.h"
#include "analysis/why/timeouts.h"
#include "analysis/why/windows.h"

namespace tcpinfo::analysis::why {
namespace {

// The first rule that holds has the round: what is certain by the kernel's own state comes before
// what is inferred.
labels network_causes(const life& l) {
  labels to(l.size(), cause::none);
  label_timeouts(l, to);
  label_nagle(l, to);
  label_application(l, to);
  label_pacing(l, to);
  label_bbr(l, to);
  label_congestion(l, to);
  label_queues(l, to);
  label_losses(l, to);
  label_slow_start(l, to);
  return to;
}

// Idle because of the program, which has more to send, or waits for what will make it send. In the
// round of the last data some of it may be behind that: there it is as long as a round at least.
bool waits_for_program(const life& l, std::size_t i, std::int64_t idle_ns) noexcept {
  const tcp_state state = l.from(i).state();
  if ((state != tcp_state::established && state != tcp_state::close_wait) || l.has_sent_all(i))
    return false;
  if (!l.has_sent_all(i + 1)) return true;
  const auto round_trip = static_cast<std::int64_t>(l.to(i).or_zero(seen::rtt)) * 1000;
  return idle_ns >=
         std::max(round_trip, thresholds::steps_of_a_round * thresholds::chronograph_step_ns);
}

// A program that writes now and then, and a reader that reads so, leave rounds between in which
// nothing holds the sender for a moment: what was written goes, the window is open. Short ones are
// of what is around them.
void bridge(const life& l, std::vector<cause_times>& times) {
  const auto largest = [&times](std::size_t i) {
    return static_cast<cause>(std::max_element(times[i].begin(), times[i].end()) -
                              times[i].begin());
  };
  const auto is_untold = [](cause c) { return c == cause::none || c == cause::cannot_tell; };
  std::size_t before = l.size();  // the last round with a cause
  for (std::size_t i = 0; i < l.size(); ++i) {
    const cause c = largest(i);
    if (is_untold(c)) continue;
    const bool may = c == cause::application || c == cause::peer_reads_slowly;
    if (may && before < i && i - before <= thresholds::bridged_rounds + 1 && largest(before) == c)
      for (std::size_t k = before + 1; k < i; ++k)
        for (const cause untold : {cause::none, cause::cannot_tell}) {
          times[k][index_of(c)] += times[k][index_of(untold)];
          times[k][index_of(untold)] = 0;
        }
    before = i;
  }
}

// All that was ever sent went at once, with the first window: it waited for nothing. Ten segments
// are the least that Linux begins with (RFC 6928); nothing was sent again.
bool fits_first_window(const life& l) noexcept {
  const sample& s = l.final();
  const std::uint64_t mss = s.or_zero(seen::snd_mss);
  return mss != 0 && s.has(seen::bytes_sent) &&
         s.or_zero(seen::bytes_sent) <= thresholds::first_window_segments * mss &&
         s.or_zero(seen::total_retrans) == 0;
}

}  // namespace

std::vector<cause_times> sender_times(const life& l) {
  const labels network = network_causes(l);
  const labels windows = window_causes(l);
  const bool syn_lost = lost_syns(l) != 0;
  std::vector<cause_times> times(l.size());
  for (std::size_t i = 0; i < l.size(); ++i) {
    const auto give = [&times, i](cause c, std::int64_t ns) { times[i][index_of(c)] += ns; };
    if (l.is_opening(i)) {
      give(syn_lost ? cause::handshake : cause::none, l.length_ns(i));
      continue;
    }
    const split s = l.split_of(i);
    give(waits_for_program(l, i, s.idle) ? cause::application : cause::none, s.idle);
    cause rest = network[i];
    if (is_of_timeout(rest)) {
      give(rest, s.window + s.buffer + s.rest);
      continue;
    }
    give(windows[i], s.window);
    give(cause::send_buffer, s.buffer);
    if (is_of_window(s))
      rest = windows[i];
    else if (is_of_buffer(s))
      rest = cause::send_buffer;
    // Without the chronographs nobody knows that nothing else held it back.
    if (rest == cause::none && !s.told && !l.has_sent_all(i) && !fits_first_window(l))
      rest = cause::cannot_tell;
    give(rest, s.rest);
  }
  bridge(l, times);
  return times;
}

void explain_sender(const life& l, phase& p) {
  switch (p.of) {
    case cause::handshake:
      return explain_handshake(l, p);
    case cause::application:
      return explain_application(l, p);
    case cause::delayed_ack_nagle:
      return explain_nagle(l, p);
    case cause::peer_window:
    case cause::peer_reads_slowly:
      return explain_window(l, p);
    case cause::send_buffer:
      return explain_buffer(l, p);
    case cause::shaped_bottleneck:
    case cause::bufferbloat:
      return explain_queue(l, p);
    case cause::policer:
    case cause::random_loss:
    case cause::ecn:
    case cause::reordering:
      return explain_loss(l, p);
    case cause::congested_path:
      return explain_congestion(l, p);
    case cause::pacing_cap:
      return explain_pacing(l, p);
    case cause::bbr_phase:
      return explain_bbr(l, p);
    case cause::slow_start_never_left:
    case cause::slow_start_left_early:
      return explain_slow_start(l, p);
    case cause::rto_stall:
    case cause::tail_loss:
    case cause::spurious_rto:
    case cause::mtu_hole:
      return explain_timeout(l, p);
    case cause::cannot_tell:
      if (!l.split_of(p.first).told)
        p.sentence = l.to(p.first).has(seen::busy_time)
                         ? "Too short for the kernel's clocks of what limited it, which count in "
                           "steps of some 4 ms."
                         : "The kernel did not say what limited it (busy_time and its parts, since "
                           "Linux 4.10).";
      else if (l.is_queued(p.first))
        p.sentence =
            "A queue stood on the path, but the rate was not steady: others share it, or the link "
            "changes.";
      else
        p.sentence = "Too few losses to say what they were of.";
      p.show(l.to(p.last), seen::rtt, "round-trip time");
      p.show_growth(l.from(p.first), l.to(p.last), seen::total_retrans, "segments sent again");
      return;
    default:
      p.sentence = "Nothing held it back beyond its round trips.";
      return;
  }
}

}  // namespace tcpinfo::analysis::why
