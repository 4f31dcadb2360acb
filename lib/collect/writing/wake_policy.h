// SPDX-License-Identifier: Apache-2.0
//
// How long a snapshot may lie in a writer's queue before the sampler wakes the writer. To wake and
// to be woken costs both sides as much as some records, so one wake serves several ticks.
#ifndef TCPINFO_COLLECT_WRITING_WAKE_POLICY_H
#define TCPINFO_COLLECT_WRITING_WAKE_POLICY_H

#include <algorithm>
#include <cstdint>

#include "collect/config.h"

namespace tcpinfo::collect {

/// At most a quarter of the time in which records have to be in their file (--flush); 0 where
/// ticks are too long for one wake to serve two of them. The writer takes the pause off the time
/// that it holds records itself.
[[nodiscard]] inline std::int64_t wake_pause_ns(const config& settings) noexcept {
  constexpr std::int64_t longest_ns = 50'000'000;
  const std::int64_t pause_ns = std::min(longest_ns, settings.flush_ns / 4);
  return 2 * settings.interval_ns <= pause_ns ? pause_ns : 0;
}

/// Whether a writer that was woken at `woken_ns` need not be woken before `next_ns`.
[[nodiscard]] inline bool may_wake_later(const config& settings, std::int64_t woken_ns,
                                         std::int64_t next_ns) noexcept {
  return next_ns - woken_ns <= wake_pause_ns(settings);
}

}  // namespace tcpinfo::collect

#endif
