// SPDX-License-Identifier: Apache-2.0
//
// Makes TCP connections of which everything is known, for the live tests and for demonstrations.
//
// A socket belongs to the network namespace its thread was in when it made the socket, so this one
// process opens both ends: listeners in the receiver's namespace, connecting sockets in the
// sender's. It therefore knows both cookies, every byte and how each connection was closed, and
// writes that down as one JSON object per connection (the "truth" the tests compare with).
//
//   traffic short  connections of fixed short lifetimes (short.cc)
//   traffic hold   many connections held open together, some of them sending (hold.cc)
//   traffic churn  a number of connections, some of which end and begin all the time (churn.cc)
//
// Every run ends by itself. SIGTERM and SIGINT end it early, in good order, truth file included.

#include <csignal>
#include <cstdio>
#include <string_view>

#include "traffic/churn.h"
#include "traffic/hold.h"
#include "traffic/options.h"
#include "traffic/short.h"
#include "traffic/stop.h"

int main(int argc, char** argv) {
  const std::string_view mode = argc > 1 ? argv[1] : "";
  if (mode == "--help") {
    std::fputs(traffic::usage, stdout);
    return 0;
  }
  if (mode != "short" && mode != "hold" && mode != "churn") {
    std::fputs(traffic::usage, stderr);
    return 2;
  }
  const traffic::options opts = traffic::parse_options(argc, argv);

  struct sigaction action {};
  action.sa_handler = [](int) { traffic::stop_requested = true; };
  action.sa_flags = SA_RESTART;
  sigaction(SIGTERM, &action, nullptr);
  sigaction(SIGINT, &action, nullptr);
  if (mode == "short") return traffic::run_short(opts);
  return mode == "hold" ? traffic::run_hold(opts) : traffic::run_churn(opts);
}
