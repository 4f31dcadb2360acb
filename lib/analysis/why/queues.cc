// SPDX-License-Identifier: Apache-2.0
#include "analysis/why/queues.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "analysis/why/thresholds.h"
#include "analysis/why/windows.h"
#include "analysis/why/words.h"

namespace tcpinfo::analysis::why {
namespace {

// Tstat's passive method: how far round-trip times are above the lowest, while there was something
// to send. By the 95th percentile, so that one spike is none; of what was acknowledged, as Tstat
// has it of segments, for a queue makes rounds long, and few.
bool is_bloated(const life& l) {
  std::vector<std::pair<std::uint64_t, std::uint64_t>> queues;  // and bytes that waited in them
  std::uint64_t bytes = 0;
  for (std::size_t i = 0; i < l.size(); ++i) {
    if (!l.has_rest(i) || l.to(i).or_zero(seen::rtt) == 0 || is_window_falling(l, i)) continue;
    queues.emplace_back(l.queue_us(i), grown(l.from(i), l.to(i), seen::bytes_acked));
    bytes += queues.back().second;
  }
  if (queues.empty() || !l.base_rtt_us()) return false;
  std::sort(queues.begin(), queues.end());
  std::uint64_t above = bytes / 20;
  while (queues.size() > 1 && queues.back().second <= above) {
    above -= queues.back().second;
    queues.pop_back();
  }
  const std::uint64_t high = queues.back().first;
  const auto times =
      static_cast<double>(high + *l.base_rtt_us()) / static_cast<double>(*l.base_rtt_us());
  return high > thresholds::bloat_us ||
         (times > thresholds::bloat_factor && high > thresholds::bloat_least_us);
}

}  // namespace

// "TCP Diagnostic Tool": the rate stands near its highest while the round-trip time is above its
// lowest. Where it does not stand, others share the queue, or the link changes: no cause of ours.
void label_queues(const life& l, labels& to) {
  const bool bloated = is_bloated(l);
  for (std::size_t i = 0; i < l.size(); ++i) {
    if (to[i] != cause::none || !l.has_rest(i) || l.is_opening(i) || !l.is_queued(i)) continue;
    if (is_window_falling(l, i))
      to[i] = cause::peer_reads_slowly;
    else if (bloated)
      to[i] = cause::bufferbloat;
    else
      to[i] = l.is_steady(i) ? cause::shaped_bottleneck : cause::cannot_tell;
  }
}

void explain_queue(const life& l, phase& p) {
  std::size_t at = p.first + (p.last - p.first) / 2;
  // A loss drains the queue for some rounds: then the largest one of the phase is shown.
  if (!l.is_queued(at))
    for (std::size_t i = p.first; i <= p.last; ++i)
      if (l.queue_us(i) > l.queue_us(at)) at = i;
  const sample& s = l.to(at);
  const std::uint64_t queue = l.queue_us(at);
  const double rate = l.rate(at);
  if (p.of == cause::bufferbloat) {
    p.sentence = fmt::format(
        "A queue of {} ({}) stood before the bottleneck, which passes {}.", us_text(queue),
        bytes_text(static_cast<std::uint64_t>(rate * static_cast<double>(queue) / 1e6)),
        rate_text(rate));
  } else if (!l.is_behind_queue(at)) {
    p.sentence = fmt::format(
        "A bottleneck passes {} and no more; its queue had drained after a loss.", rate_text(rate));
  } else {
    p.sentence = fmt::format("A bottleneck passes {} and no more; a queue of {} stood before it.",
                             rate_text(rate), us_text(queue));
  }
  p.show(s, seen::rtt, "round-trip time with the queue");
  p.show(s, seen::min_rtt, "lowest round-trip time");
  p.show_growth(l.from(p.first), l.to(p.last), seen::bytes_acked, "bytes that passed in this time");
  p.show_growth(l.from(p.first), l.to(p.last), seen::total_retrans, "segments sent again");
}

}  // namespace tcpinfo::analysis::why
