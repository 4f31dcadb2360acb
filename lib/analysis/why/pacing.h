// SPDX-License-Identifier: Apache-2.0
//
// What holds a sender back by intent: a cap on its pacing, and the phases of BBR.
#ifndef TCPINFO_ANALYSIS_WHY_PACING_H
#define TCPINFO_ANALYSIS_WHY_PACING_H

#include "analysis/why/life.h"
#include "analysis/why/report.h"

namespace tcpinfo::analysis::why {

/// Labels rounds at the rate of SO_MAX_PACING_RATE: pacing_cap.
void label_pacing(const life& l, labels& to);
/// Labels rounds in which BBR drains the queue or looks for the lowest round-trip time: bbr_phase.
void label_bbr(const life& l, labels& to);
void explain_pacing(const life& l, phase& p);
void explain_bbr(const life& l, phase& p);

}  // namespace tcpinfo::analysis::why

#endif
