// SPDX-License-Identifier: Apache-2.0
//
// Stands in for pcap_packets.cc where there is no libpcap.
#include "offline/inputs/captures/pcap_packets.h"

namespace tcpinfo::offline {

struct pcap_packets::impl {};

bool reads_pcap() { return false; }

pcap_packets::pcap_packets() = default;
pcap_packets::~pcap_packets() = default;
std::string pcap_packets::open(byte_source&) { return {}; }
capture_step pcap_packets::next(packet&, std::string&) { return capture_step::end; }
std::uint64_t pcap_packets::packets() const noexcept { return 0; }

}  // namespace tcpinfo::offline
