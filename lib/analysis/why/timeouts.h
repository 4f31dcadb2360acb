// SPDX-License-Identifier: Apache-2.0
//
// Retransmission timeouts: stalls, losses at the tail, spurious ones, holes for large segments.
#ifndef TCPINFO_ANALYSIS_WHY_TIMEOUTS_H
#define TCPINFO_ANALYSIS_WHY_TIMEOUTS_H

#include "analysis/why/life.h"
#include "analysis/why/report.h"

namespace tcpinfo::analysis::why {

/// Labels the rounds of stalls: rto_stall, tail_loss, spurious_rto, mtu_hole.
void label_timeouts(const life& l, labels& to);
void explain_timeout(const life& l, phase& p);

}  // namespace tcpinfo::analysis::why

#endif
