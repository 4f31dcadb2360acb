// SPDX-License-Identifier: Apache-2.0
//
// The command line.
#ifndef TCPINFO_TEST_LIVE_TRAFFIC_OPTIONS_H
#define TCPINFO_TEST_LIVE_TRAFFIC_OPTIONS_H

#include <cstdint>
#include <iterator>
#include <string>
#include <vector>

#include "traffic/netns.h"
#include "traffic/sockets.h"
#include "traffic/truth.h"

namespace traffic {

struct lifetime_class {
  std::string name;
  int64_t lifetime_ns = 0;
  uint64_t count = 0;
  unsigned threads = 1;
  unsigned slots = 1;  // connections open at a time in each thread
};

struct options {
  netns receiver;
  netns sender;
  bool has_receiver = false;
  bool has_sender = false;
  std::string v4;
  std::string v6;
  std::string truth_file;
  std::vector<lifetime_class> classes;
  int64_t max_seconds = 60;
  uint64_t connections = 100;
  uint64_t active = 10;
  int64_t gap_ms = 10;
  uint64_t burst = 200;
  int64_t seconds = 5;
  int64_t close_ms = 1000;
  uint64_t rate = 100;
  std::vector<closing> closings{std::begin(all_closings), std::end(all_closings)};

  std::vector<family> families() const {
    std::vector<family> result;
    if (!v4.empty()) result.push_back(family::v4);
    if (!v6.empty()) result.push_back(family::v6);
    if (!v4.empty() && !v6.empty()) result.push_back(family::mapped);
    return result;
  }

  const std::string& host(family kind) const { return kind == family::v6 ? v6 : v4; }
};

extern const char* const usage;

options parse_options(int argc, char** argv);

}  // namespace traffic

#endif
