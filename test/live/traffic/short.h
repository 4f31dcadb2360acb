// SPDX-License-Identifier: Apache-2.0
//
// traffic short: connections of fixed short lifetimes; one thread owns both ends of a connection,
// so no context switch stretches the shortest ones.
#ifndef TCPINFO_TEST_LIVE_TRAFFIC_SHORT_H
#define TCPINFO_TEST_LIVE_TRAFFIC_SHORT_H

#include "traffic/options.h"

namespace traffic {

// @return the exit status.
int run_short(const options& opts);

}  // namespace traffic

#endif
