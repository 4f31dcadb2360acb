// SPDX-License-Identifier: Apache-2.0
//
// Both ends of a connection in one thread.
#ifndef TCPINFO_TEST_LIVE_TRAFFIC_BOTH_ENDS_H
#define TCPINFO_TEST_LIVE_TRAFFIC_BOTH_ENDS_H

#include "traffic/sockets.h"
#include "traffic/truth.h"

namespace traffic {

struct both_ends {
  int sender = -1;
  int receiver = -1;
  truth known;
};

// Nobody else may connect to this listener.
both_ends open_both(const listener& door);
// As ends.known.how says. The receiver has read everything.
void close_both(both_ends& ends);

}  // namespace traffic

#endif
