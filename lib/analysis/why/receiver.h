// SPDX-License-Identifier: Apache-2.0
//
// The receiver's view: no chronographs, and nothing of the sender's; but its own reader and buffer.
#ifndef TCPINFO_ANALYSIS_WHY_RECEIVER_H
#define TCPINFO_ANALYSIS_WHY_RECEIVER_H

#include "analysis/why/life.h"
#include "analysis/why/report.h"

namespace tcpinfo::analysis::why {

/// The cause of each round as the end that receives sees it: peer_reads_slowly (this end is the
/// peer of the sender), peer_window, receive_autotuning, ecn, host_drops, none or cannot_tell.
[[nodiscard]] labels receiver_causes(const life& l);
void explain_receiver(const life& l, phase& p);

}  // namespace tcpinfo::analysis::why

#endif
