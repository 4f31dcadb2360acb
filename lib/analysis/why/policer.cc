// SPDX-License-Identifier: Apache-2.0
#include "analysis/why/policer.h"

#include <algorithm>
#include <cmath>

#include "analysis/why/thresholds.h"

namespace tcpinfo::analysis::why {

// The test of Flach et al., "An Internet-Wide Analysis of Traffic Policing" (SIGCOMM 2016), on
// rounds where theirs has packets. The rate is what passed between the first loss and the last. A
// bucket filled at that rate is empty whenever something is lost, and never in debt when nothing
// is; of losses that come at random neither holds.
bool is_policed(const life& l, const std::vector<std::size_t>& lossy) {
  if (lossy.size() < thresholds::policer_loss_rounds) return false;
  const std::size_t first = lossy.front();
  const std::size_t last = lossy.back();
  if (last - first < thresholds::policer_rounds) return false;
  const std::uint64_t lost = grown(l.from(first), l.to(last), seen::total_retrans);
  const std::uint64_t passed = grown(l.to(first), l.to(last), seen::delivered);
  if (lost < thresholds::policer_lost_segments || passed < thresholds::policer_passed_segments)
    return false;
  const std::int64_t ns = l.to(last).time_ns() - l.to(first).time_ns();
  const auto bytes = static_cast<double>(grown(l.to(first), l.to(last), seen::bytes_acked));
  if (ns <= 0 || bytes <= 0) return false;
  const double rate = bytes / static_cast<double>(ns);

  std::size_t outside = 0;
  std::size_t passing = 0;
  std::size_t in_debt = 0;
  std::size_t next = 1;
  for (std::size_t i = first + 1; i <= last; ++i) {
    const auto since = static_cast<double>(l.to(i).time_ns() - l.to(first).time_ns());
    const double tokens =
        rate * since - static_cast<double>(grown(l.to(first), l.to(i), seen::bytes_acked));
    // A round may be longer than a round trip; what passed in it is known at its end only.
    const auto round_trip = static_cast<double>(l.to(i).or_zero(seen::rtt)) * 1000;
    const double of_rtt = rate * std::max(round_trip, static_cast<double>(l.length_ns(i)));
    if (i == lossy[next]) {
      ++next;
      if (std::abs(tokens) >
          (thresholds::policer_empty_rtts + thresholds::policer_late_rounds) * of_rtt)
        ++outside;
    } else {
      ++passing;
      if (tokens < -(thresholds::policer_debt_rtts + thresholds::policer_late_rounds) * of_rtt)
        ++in_debt;
    }
  }
  return static_cast<double>(outside) <=
             thresholds::policer_outside_share * static_cast<double>(lossy.size()) &&
         static_cast<double>(in_debt) <=
             thresholds::policer_debt_share * static_cast<double>(passing);
}

}  // namespace tcpinfo::analysis::why
