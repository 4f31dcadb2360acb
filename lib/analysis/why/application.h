// SPDX-License-Identifier: Apache-2.0
//
// The sending program, and what its small writes meet: Nagle against delayed acknowledgements.
#ifndef TCPINFO_ANALYSIS_WHY_APPLICATION_H
#define TCPINFO_ANALYSIS_WHY_APPLICATION_H

#include "analysis/why/life.h"
#include "analysis/why/report.h"

namespace tcpinfo::analysis::why {

/// Labels rounds in which small segments were held up: delayed_ack_nagle.
void label_nagle(const life& l, labels& to);
/// Labels rounds in which the congestion window was open and nothing was there to be sent:
/// application, or send_buffer where that took no more.
void label_application(const life& l, labels& to);
void explain_nagle(const life& l, phase& p);
void explain_application(const life& l, phase& p);

}  // namespace tcpinfo::analysis::why

#endif
