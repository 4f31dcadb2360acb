// SPDX-License-Identifier: Apache-2.0
//
// What is known of each connection: one JSON object a line, which the tests compare with.
#ifndef TCPINFO_TEST_LIVE_TRAFFIC_TRUTH_H
#define TCPINFO_TEST_LIVE_TRAFFIC_TRUTH_H

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "traffic/sockets.h"

namespace traffic {

// How a connection was ended, by whom. Named by who acts first.
enum class closing : uint8_t {
  sender_fin,      // the sender closes, the receiver reads the end and closes
  receiver_fin,    // the receiver shuts down its direction, and closes after the sender did
  sender_rst,      // the sender resets after the receiver has read everything
  receiver_close,  // the receiver closes at once: its end is an orphan when the sender's FIN comes
  receiver_rst,    // the receiver resets after it has read everything
};
inline constexpr std::array all_closings = {closing::sender_fin, closing::receiver_fin,
                                            closing::sender_rst, closing::receiver_close,
                                            closing::receiver_rst};
inline constexpr std::array closing_names = {"sender_fin", "receiver_fin", "sender_rst",
                                             "receiver_close", "receiver_rst"};
static_assert(all_closings.size() == closing_names.size());

struct truth {
  std::string group;
  family kind = family::v4;
  closing how = closing::sender_fin;
  bool active = false;
  uint64_t receiver_cookie = 0;
  uint64_t sender_cookie = 0;
  endpoint local;   // of the receiver's end
  endpoint remote;  // the sender, as the receiver sees it
  uint64_t bytes = 0;
  int64_t start_ns = 0;
  int64_t end_ns = 0;
};

// Whoever sees the file sees all of it. `path` may not be a device such as /dev/null.
void write_truth(const std::string& path, const std::vector<truth>& all);

}  // namespace traffic

#endif
