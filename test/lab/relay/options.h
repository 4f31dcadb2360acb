// SPDX-License-Identifier: Apache-2.0
//
// The command line: words KEY=VALUE, one line for a whole path.
#ifndef TCPINFO_TEST_LAB_RELAY_OPTIONS_H
#define TCPINFO_TEST_LAB_RELAY_OPTIONS_H

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

namespace relay {

// What happens to packets that go one way. Zero: it does not happen.
struct way_options {
  int64_t delay_ns = 0;
  int64_t jitter_ns = 0;  // up to so much more for each packet, which stay in order
  uint64_t rate_bits = 0;
  uint64_t queue_bytes = uint64_t{1} << 30;
  uint64_t police_bits = 0;  // token bucket: what comes too early is dropped, nothing waits
  uint64_t police_burst = 0;
  double loss = 0;  // share of packets
  double burst_loss = 0;
  double burst_length = 1;  // mean, in packets
  uint64_t nth = 0;         // one data packet of so many
  uint64_t tail_every = 0;  // of each so many bytes of the stream the last tail_bytes are lost
  uint64_t tail_bytes = 0;
  uint64_t tail_times = 1;  // and so many repetitions of them, less the first
  double reorder = 0;
  int64_t reorder_ns = 0;
  double duplicate = 0;
  int64_t blackout_at_ns = 0;
  int64_t blackout_for_ns = 0;
  int64_t hold_at_ns = 0;
  int64_t hold_for_ns = 0;
  uint64_t size_limit = 0;  // larger packets are dropped without a word
  double ce = 0;            // share of the packets, of those that allow it
  uint64_t ce_above = 0;    // bytes in the queue
  uint64_t drop_syn = 0;    // the first ones
};

// From this time on, counted from the first packet with data, these hold.
struct stage {
  int64_t at_ns = 0;
  way_options there;  // from the first end to the second
  way_options back;
};

struct end_options {
  std::string netns;  // path
  std::string address;
};

struct options {
  end_options ends[2];
  std::string device = "lab0";
  uint64_t mtu = 1500;
  uint64_t seed = 1;
  uint64_t seconds = 600;  // it ends by itself after these
  std::vector<stage> stages = {stage{}};
};

extern const char* const usage;

struct bad_word : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// Throws bad_word about the first word that makes no sense.
options parse_options(int argc, char** argv);

}  // namespace relay

#endif
