// SPDX-License-Identifier: Apache-2.0
//
// The sock_diag messages of a capture, each once and in order, whatever form it has.
#ifndef TCPINFO_OFFLINE_INPUTS_CAPTURES_CAPTURE_READER_H
#define TCPINFO_OFFLINE_INPUTS_CAPTURES_CAPTURE_READER_H

#include <cstdint>
#include <string>

#include "offline/inputs/captures/bare_messages.h"
#include "offline/inputs/captures/netlink_messages.h"
#include "offline/inputs/captures/pcap_packets.h"
#include "offline/inputs/sources/byte_source.h"

namespace tcpinfo::offline {

/// Packets of other devices and other netlink protocols are passed over. Captures of machines of
/// the other byte order are read as well. One thread at a time.
class capture_reader {
 public:
  /// Bare messages, or else pcap and pcapng (only where reads_pcap()). `from` must outlive the
  /// reading. @return what is wrong with it; empty: nothing.
  [[nodiscard]] std::string open(byte_source& from, bool bare);

  /// A message is valid until the next call. After a fault (`what`) go on: a packet or message with
  /// a fault is left, and where nothing more can be found, that is the end.
  [[nodiscard]] capture_step next(netlink_message& out, std::string& what);

 private:
  bool bare_ = false;
  bare_messages messages_;
  pcap_packets packets_;
  pcap_packets::packet packet_;
  bytes_view rest_;  // of its datagram
  std::uint64_t datagrams_ = 0;
  bool told_none_ = false;
};

}  // namespace tcpinfo::offline

#endif
