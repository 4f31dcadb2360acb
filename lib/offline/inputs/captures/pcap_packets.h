// SPDX-License-Identifier: Apache-2.0
//
// The netlink datagrams in a capture file: of a netlink monitor device (link type 253), or of all
// devices (`tcpdump -i any`: 113 and 276), in pcap or pcapng.
#ifndef TCPINFO_OFFLINE_INPUTS_CAPTURES_PCAP_PACKETS_H
#define TCPINFO_OFFLINE_INPUTS_CAPTURES_PCAP_PACKETS_H

#include <tcpinfo/bytes.h>

#include <cstdint>
#include <memory>
#include <string>

#include "offline/inputs/captures/capture_step.h"
#include "offline/inputs/sources/byte_source.h"

namespace tcpinfo::offline {

/// Whether this build has libpcap.
[[nodiscard]] bool reads_pcap();

/// libpcap reads the file as a stream: memory is that of the longest packet it allows, 256 KiB, and
/// of a block of pcapng, 16 MiB.
class pcap_packets {
 public:
  pcap_packets();
  ~pcap_packets();
  pcap_packets(const pcap_packets&) = delete;
  pcap_packets& operator=(const pcap_packets&) = delete;

  struct packet {
    bytes_view datagram;    ///< what was captured of it, netlink messages; until the next next()
    bool has_time = false;  ///< else the file tells of one that 64 bits of nanoseconds do not hold
    std::int64_t time_ns = 0;  ///< of capture, since 1970 UTC
    std::uint64_t number = 0;  ///< of the packet in the file, from 1
  };

  /// Reads `from`, which must outlive the reading. Only where reads_pcap().
  /// @return what is wrong with it; empty: nothing.
  [[nodiscard]] std::string open(byte_source& from);
  /// The next datagram of sock_diag. After a fault (`what`) go on: where the file could not be read
  /// on, that is the end.
  [[nodiscard]] capture_step next(packet& out, std::string& what);
  /// Packets so far, of whatever kind.
  [[nodiscard]] std::uint64_t packets() const noexcept;

 private:
  struct impl;
  std::unique_ptr<impl> impl_;
};

}  // namespace tcpinfo::offline

#endif
