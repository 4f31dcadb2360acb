// SPDX-License-Identifier: Apache-2.0
//
// traffic hold: many connections held open together, some of them sending all the time; one thread
// a side, each with its own table of file descriptors, so that 10,000 connections need 10,000
// descriptors a side and not 20,000 in one table.
#ifndef TCPINFO_TEST_LIVE_TRAFFIC_HOLD_H
#define TCPINFO_TEST_LIVE_TRAFFIC_HOLD_H

#include "traffic/options.h"

namespace traffic {

// @return the exit status.
int run_hold(const options& opts);

}  // namespace traffic

#endif
