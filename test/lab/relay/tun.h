// SPDX-License-Identifier: Apache-2.0
//
// A TUN device in a network namespace.
#ifndef TCPINFO_TEST_LAB_RELAY_TUN_H
#define TCPINFO_TEST_LAB_RELAY_TUN_H

#include <array>
#include <cstdint>
#include <string>

#include "relay/options.h"
#include "relay/packet.h"

namespace relay {

// Gone when it is destroyed, with its routes.
class tun {
 public:
  // The calling thread is in the namespace afterwards. Throws std::system_error.
  tun(const end_options& end, const std::string& device, uint64_t mtu);
  ~tun();
  tun(const tun&) = delete;
  tun& operator=(const tun&) = delete;

  int descriptor() const { return fd_; }
  // Whether there was a packet. It does not wait.
  bool read(packet& bytes);
  // Whether the kernel took it.
  bool write(const packet& bytes);

 private:
  int fd_ = -1;
  std::array<uint8_t, 65536> read_{};  // the largest packet there is
};

}  // namespace relay

#endif
