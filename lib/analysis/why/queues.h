// SPDX-License-Identifier: Apache-2.0
//
// A queue before the bottleneck: shaped_bottleneck, bufferbloat.
#ifndef TCPINFO_ANALYSIS_WHY_QUEUES_H
#define TCPINFO_ANALYSIS_WHY_QUEUES_H

#include "analysis/why/life.h"
#include "analysis/why/report.h"

namespace tcpinfo::analysis::why {

/// Labels rounds with a queue.
void label_queues(const life& l, labels& to);
void explain_queue(const life& l, phase& p);

}  // namespace tcpinfo::analysis::why

#endif
