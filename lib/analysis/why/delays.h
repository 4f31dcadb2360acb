// SPDX-License-Identifier: Apache-2.0
//
// Whose is a delay: of the sender's own queue, or of the path?
#ifndef TCPINFO_ANALYSIS_WHY_DELAYS_H
#define TCPINFO_ANALYSIS_WHY_DELAYS_H

#include "analysis/why/life.h"
#include "analysis/why/report.h"

namespace tcpinfo::analysis::why {

/// Whether what round trips take beyond the lowest one comes with the path: the window grew, and
/// the rate with it, but not the delay. Jitter is such, and a queue that others fill.
[[nodiscard]] bool is_delay_of_path(const life& l);
/// Labels the rounds of a flow whose path was full without it: congested_path.
void label_congestion(const life& l, labels& to);
void explain_congestion(const life& l, phase& p);

}  // namespace tcpinfo::analysis::why

#endif
