// SPDX-License-Identifier: Apache-2.0
//
// What becomes of packets on one way: when each leaves, or that it is lost. It reads no clock and
// moves no bytes, so that the same packets at the same times have the same fate.
#ifndef TCPINFO_TEST_LAB_RELAY_WAY_H
#define TCPINFO_TEST_LAB_RELAY_WAY_H

#include <cstdint>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "relay/options.h"
#include "relay/packet.h"

namespace relay {

struct fate {
  bool lost = false;
  bool twice = false;
  int64_t leaves_ns = 0;
  int64_t waits_ns = 0;  // of that, for the packets before it to be sent at the rate
};

struct way_counters {
  uint64_t packets = 0, data = 0, bytes = 0;
  uint64_t size = 0, syn = 0, blackout = 0, random = 0, burst = 0, nth = 0, tail = 0, police = 0,
           queue = 0;  // lost, by what
  uint64_t ce = 0, held = 0, reordered = 0, duplicated = 0;
  uint64_t refused = 0;                  // by the kernel, at the far end
  std::vector<uint32_t> queue_delay_us;  // of each packet with data that went through
  std::vector<uint32_t> late_us;         // how long after its time each packet left
};

class way {
 public:
  way(uint64_t seed, uint64_t which) : random_(seed * 2 + which) {}

  // A packet that has come at `now_ns`; `since_data_ns` is the time since the first packet with
  // data, or below zero. May mark the packet.
  fate pass(const way_options& opts, packet& bytes, int64_t now_ns, int64_t since_data_ns);

  way_counters counters;

  // One JSON object.
  std::string report() const;

 private:
  bool happens(double share);
  bool is_lost(const way_options& opts, const packet& bytes, const tcp_segment& segment,
               int64_t since_data_ns);
  bool is_of_tail(const way_options& opts, const tcp_segment& segment);
  bool is_policed(const way_options& opts, uint64_t size, int64_t now_ns);

  std::mt19937_64 random_;
  std::map<uint32_t, uint32_t> first_sequence_;                   // of the stream, by ports
  std::map<std::pair<uint32_t, uint32_t>, uint64_t> tails_lost_;  // by ports and end
  double tokens_ = -1;
  int64_t tokens_at_ns_ = 0;
  bool in_burst_ = false;
  uint64_t syns_ = 0;
  int64_t link_free_ns_ = 0;
  int64_t last_leaves_ns_ = 0;
};

}  // namespace relay

#endif
