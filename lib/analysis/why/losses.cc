// SPDX-License-Identifier: Apache-2.0
#include "analysis/why/losses.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "analysis/why/policer.h"
#include "analysis/why/slow_start.h"
#include "analysis/why/thresholds.h"
#include "analysis/why/words.h"

namespace tcpinfo::analysis::why {
namespace {

// A round in which something was sent again, or came marked.
struct events {
  std::vector<std::size_t> lossy;
  std::vector<std::size_t> lossy_at_all;  // and those in which timeouts sent it again
  std::vector<std::size_t> stalls;        // with timeouts, between which something passed
  std::vector<std::size_t> with_ce;
  std::size_t queued = 0;    // of `lossy`: a queue came before
  std::size_t pressing = 0;  // of `lossy`: there was more to send
  std::uint64_t again = 0;
  std::uint64_t twice = 0;  // the peer had it already
  std::uint64_t reordered = 0;
};

events events_of(const life& l, const labels& known) {
  events e;
  for (std::size_t i = 0; i < l.size(); ++i) {
    if (l.is_opening(i)) continue;
    const sample& from = l.from(i);
    const sample& to = l.to(i);
    e.twice += grown(from, to, seen::dsack_dups);
    e.reordered += grown(from, to, seen::reord_seen);
    if (grown(from, to, seen::delivered_ce) != 0) e.with_ce.push_back(i);
    const bool timed_out = known[i] == cause::rto_stall || known[i] == cause::spurious_rto ||
                           known[i] == cause::tail_loss || known[i] == cause::mtu_hole;
    const std::uint64_t again = grown(from, to, seen::total_retrans);
    if (again == 0) continue;
    e.lossy_at_all.push_back(i);
    if (known[i] == cause::rto_stall &&
        (!to.has(seen::total_rto) || grown(from, to, seen::total_rto) != 0) &&
        (e.stalls.empty() || grown(l.from(e.stalls.back()), from, seen::bytes_acked) != 0))
      e.stalls.push_back(i);
    if (timed_out) continue;
    e.again += again;
    e.lossy.push_back(i);
    if (!l.has_sent_all(i + 1)) ++e.pressing;
    // What was sent again was lost a round trip before.
    if (l.is_behind_queue(i) || (i > 0 && l.is_behind_queue(i - 1))) ++e.queued;
  }
  return e;
}

bool is_behind_queues(const events& e) {
  return static_cast<double>(e.queued) >
         thresholds::policer_queued_share * static_cast<double>(e.lossy_at_all.size());
}

// An empty bucket drops what is sent again as well, so that timeouts may be a policer's, too.
bool is_of_policer(const life& l, const events& e) {
  return !is_behind_queues(e) &&
         (is_policed(l, e.lossy_at_all) || is_policed_by_timeouts(l, e.stalls));
}

cause cause_of(const life& l, const events& e) {
  if (!e.with_ce.empty() && e.with_ce.size() >= e.lossy.size()) return cause::ecn;
  if (e.lossy_at_all.empty()) return cause::none;
  if (!e.lossy.empty() && e.reordered != 0 &&
      static_cast<double>(e.twice) >= thresholds::needless_share * static_cast<double>(e.again))
    return cause::reordering;
  const auto rounds = static_cast<double>(e.lossy.size());
  if (l.is_bbr()) {
    if (!is_behind_queues(e) && is_policed_by_bbr(l)) return cause::policer;
    const auto sent = static_cast<double>(grown(l.start(), l.final(), seen::delivered) + e.again);
    if (static_cast<double>(e.again) < thresholds::bbr_loss_share * sent) return cause::none;
  }
  // A sender that keeps its rate passes the token test whatever it loses, so BBR comes first.
  if (is_of_policer(l, e)) return cause::policer;
  if (e.lossy.empty()) return cause::none;
  if (static_cast<double>(e.queued) >= thresholds::queued_loss_share * rounds)
    return cause::shaped_bottleneck;
  // A loss costs by the window that it makes smaller.
  return e.pressing >= thresholds::random_loss_rounds ? cause::random_loss : cause::cannot_tell;
}

// At its start BBR does slow down: each recovery takes a round trip in which its window is held,
// and the rate that it looks for is not found.
void label_bbr_start(const life& l, const events& e, labels& to) {
  if (e.lossy.empty() || static_cast<double>(e.queued) >=
                             thresholds::queued_loss_share * static_cast<double>(e.lossy.size()))
    return;
  for (std::size_t i = e.lossy.front(); i < l.size(); ++i) {
    if (l.to(i).get(seen::bbr_pacing_gain).value_or(thresholds::bbr_start_gain) !=
        thresholds::bbr_start_gain)
      return;
    if (to[i] == cause::none && l.has_rest(i) && !l.has_sent_all(i)) to[i] = cause::random_loss;
  }
}

}  // namespace

// A loss costs more than the round in which it is made good: the window stays smaller than it was
// until it has grown back. So a cause holds from each loss to that moment. Random loss is what USC-
// NSL's analysis leaves: no queue before it, and no token bucket.
void label_losses(const life& l, labels& to) {
  const events e = events_of(l, to);
  const cause c = cause_of(l, e);
  if (c == cause::none && l.is_bbr()) label_bbr_start(l, e, to);
  if (c == cause::none) return;
  const std::vector<std::size_t>& at = c == cause::ecn       ? e.with_ce
                                       : c == cause::policer ? e.lossy_at_all
                                                             : e.lossy;
  std::uint64_t before = 0;  // the window to be reached again; 0: reached
  std::size_t next = 0;
  for (std::size_t i = 0; i < l.size(); ++i) {
    if (next < at.size() && at[next] == i) {
      ++next;
      before = std::max({before, l.from(i).or_zero(seen::snd_cwnd), l.signs(i).most_cwnd});
    }
    if (before == 0) continue;
    const bool stalled = c == cause::policer && to[i] == cause::rto_stall;
    if ((to[i] == cause::none && l.has_rest(i)) || stalled) to[i] = c;
    // Slow start that was interrupted needlessly, and goes on, lacks the doubling all the time.
    const bool set_back =
        c == cause::reordering && is_in_slow_start(l.to(i)) && is_held_by_cwnd(l, i);
    // BBR goes by the rate that it found, whatever its window.
    const bool keeps_rate = c == cause::policer && l.is_bbr();
    if (l.to(i).or_zero(seen::snd_cwnd) >= before && !set_back && !keeps_rate) before = 0;
  }
}

void explain_loss(const life& l, phase& p) {
  const sample& before = l.from(p.first);
  const sample& after = l.to(p.last);
  const std::uint64_t again = grown(before, after, seen::total_retrans);
  const double rate = p.end_ns > p.begin_ns
                          ? static_cast<double>(grown(before, after, seen::bytes_acked)) * 1e9 /
                                static_cast<double>(p.end_ns - p.begin_ns)
                          : 0;
  switch (p.of) {
    case cause::ecn:
      p.sentence = "Routers marked segments (ECN), and sending slowed down as after a loss.";
      p.show_growth(before, after, seen::delivered_ce, "segments that arrived marked");
      p.show_growth(before, after, seen::delivered, "segments that arrived");
      break;
    case cause::reordering:
      p.sentence =
          "The path changed the order of segments: they were taken for lost, and sending slowed "
          "down.";
      p.show_growth(before, after, seen::reord_seen, "times that reordering was seen");
      p.show_growth(before, after, seen::dsack_dups, "segments that arrived twice");
      p.show(after, seen::reordering, "reordering that the sender allows for by now");
      break;
    case cause::policer:
      p.sentence = fmt::format(
          "What was above {} was dropped without a queue before: a policer on the path.",
          rate_text(rate));
      break;
    default:
      // The rounds after a loss until the window has grown back may be a phase without one.
      if (again == 0) {
        p.sentence = "Segments had been lost, and the congestion window had not grown back yet.";
        break;
      }
      p.sentence = fmt::format(
          "{} lost while no queue stood on the path, and each loss made the congestion window "
          "smaller.",
          again == 1 ? "1 segment was" : fmt::format("{} segments were", again));
      break;
  }
  p.show_growth(before, after, seen::total_retrans, "segments sent again");
  p.show_growth(before, after, seen::data_segs_out, "segments with data sent");
  p.show(after, seen::rtt, "round-trip time");
  p.show(after, seen::min_rtt, "lowest round-trip time");
  p.show(after, seen::snd_cwnd, "congestion window");
}

}  // namespace tcpinfo::analysis::why
