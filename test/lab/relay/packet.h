// SPDX-License-Identifier: Apache-2.0
//
// What the relay looks at, and changes, in a packet's headers.
#ifndef TCPINFO_TEST_LAB_RELAY_PACKET_H
#define TCPINFO_TEST_LAB_RELAY_PACKET_H

#include <cstdint>
#include <vector>

namespace relay {

using packet = std::vector<uint8_t>;  // from the IP header on

struct tcp_segment {
  bool is_tcp = false;
  bool syn = false;
  uint32_t ports = 0;  // source and destination, as one number
  uint32_t sequence = 0;
  uint32_t payload = 0;  // bytes
};

// Of what is no TCP over IPv4, or is cut short, is_tcp is false.
tcp_segment look_at(const packet& bytes);

// Marks a packet as having met congestion, where its sender allows that. Returns whether it did.
bool set_congestion_experienced(packet& bytes);

}  // namespace relay

#endif
