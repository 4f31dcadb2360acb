// SPDX-License-Identifier: Apache-2.0
//
// Slow start: never left, or left early.
#ifndef TCPINFO_ANALYSIS_WHY_SLOW_START_H
#define TCPINFO_ANALYSIS_WHY_SLOW_START_H

#include "analysis/why/life.h"
#include "analysis/why/report.h"

namespace tcpinfo::analysis::why {

/// Whether no loss, mark or delay has set the threshold yet, or what set it was undone.
[[nodiscard]] bool is_in_slow_start(const sample& s) noexcept;
/// Whether the congestion window is what holds a round back: it grew, or was full, and there was
/// more to send.
[[nodiscard]] bool is_held_by_cwnd(const life& l, std::size_t i) noexcept;

/// Labels rounds of slow start, or after it: slow_start_never_left, slow_start_left_early.
void label_slow_start(const life& l, labels& to);
void explain_slow_start(const life& l, phase& p);

}  // namespace tcpinfo::analysis::why

#endif
