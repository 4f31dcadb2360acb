// SPDX-License-Identifier: Apache-2.0
#include "offline/live/watched_flow.h"

namespace tcpinfo::offline {
namespace {

using analysis::why::growth;
using analysis::why::sample;
using analysis::why::seen;

std::optional<double> rate_of(const sample& before, const sample& now, seen counter) noexcept {
  const auto more = growth(before, now, counter);
  const std::int64_t ns = now.time_ns() - before.time_ns();
  if (!more || ns <= 0) return std::nullopt;
  return static_cast<double>(*more) * 1e9 / static_cast<double>(ns);
}

}  // namespace

flow_step step_between(const sample& before, const sample& now) noexcept {
  flow_step step;
  step.begin_ns = before.time_ns();
  step.end_ns = now.time_ns();
  step.sent = rate_of(before, now, seen::bytes_acked);
  step.received = rate_of(before, now, seen::bytes_received);
  step.retransmitted = growth(before, now, seen::total_retrans);
  if (const auto segments = growth(before, now, seen::data_segs_out);
      segments && *segments > 0 && step.retransmitted)
    step.lost_share = static_cast<double>(*step.retransmitted) / static_cast<double>(*segments);
  step.held_by = limit_between(before, now);
  return step;
}

}  // namespace tcpinfo::offline
