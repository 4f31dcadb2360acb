// SPDX-License-Identifier: Apache-2.0
//
// traffic churn: a number of connections open at all times, of which every second some end and as
// many begin, the oldest first; one thread.
#ifndef TCPINFO_TEST_LIVE_TRAFFIC_CHURN_H
#define TCPINFO_TEST_LIVE_TRAFFIC_CHURN_H

#include "traffic/options.h"

namespace traffic {

// @return the exit status.
int run_churn(const options& opts);

}  // namespace traffic

#endif
