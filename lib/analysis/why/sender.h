// SPDX-License-Identifier: Apache-2.0
//
// The sender's view: all rules in their order.
#ifndef TCPINFO_ANALYSIS_WHY_SENDER_H
#define TCPINFO_ANALYSIS_WHY_SENDER_H

#include <vector>

#include "analysis/why/life.h"
#include "analysis/why/report.h"

namespace tcpinfo::analysis::why {

/// The time of each round by cause.
[[nodiscard]] std::vector<cause_times> sender_times(const life& l);
void explain_sender(const life& l, phase& p);

}  // namespace tcpinfo::analysis::why

#endif
