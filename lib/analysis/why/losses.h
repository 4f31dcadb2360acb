// SPDX-License-Identifier: Apache-2.0
//
// Losses that no queue explains, marks in place of losses, and what only looked lost.
#ifndef TCPINFO_ANALYSIS_WHY_LOSSES_H
#define TCPINFO_ANALYSIS_WHY_LOSSES_H

#include "analysis/why/life.h"
#include "analysis/why/report.h"

namespace tcpinfo::analysis::why {

/// Labels rounds in which the window was still smaller than before a loss or a mark: policer,
/// random_loss, ecn, reordering; shaped_bottleneck where a queue came before the losses.
void label_losses(const life& l, labels& to);
void explain_loss(const life& l, phase& p);

}  // namespace tcpinfo::analysis::why

#endif
