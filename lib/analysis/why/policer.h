// SPDX-License-Identifier: Apache-2.0
//
// A token bucket that drops what is too much, without a queue.
#ifndef TCPINFO_ANALYSIS_WHY_POLICER_H
#define TCPINFO_ANALYSIS_WHY_POLICER_H

#include <cstddef>
#include <vector>

#include "analysis/why/life.h"

namespace tcpinfo::analysis::why {

/// Whether the losses of these rounds (in order) pass the token test: all is lost above a rate, and
/// nothing below it.
[[nodiscard]] bool is_lost_above_rate(const life& l, const std::vector<std::size_t>& lossy);
/// Whether they are as a token bucket makes them, besides: in bunches.
[[nodiscard]] bool is_policed(const life& l, const std::vector<std::size_t>& lossy);
/// Whether timeouts are of one: `stalls` are rounds with timeouts, between which something passed.
[[nodiscard]] bool is_policed_by_timeouts(const life& l, const std::vector<std::size_t>& stalls);
/// Whether BBR took it for one, as its gains show.
[[nodiscard]] bool is_policed_by_bbr(const life& l);

}  // namespace tcpinfo::analysis::why

#endif
