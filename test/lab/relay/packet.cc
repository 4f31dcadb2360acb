// SPDX-License-Identifier: Apache-2.0
#include "relay/packet.h"

#include <cstddef>

namespace relay {
namespace {

constexpr size_t ip_least = 20, tcp_least = 20;
constexpr uint8_t protocol_tcp = 6, flag_syn = 0x02, ecn_bits = 0x03;

uint32_t number(const packet& bytes, size_t at, size_t size) {
  uint32_t value = 0;
  for (size_t i = 0; i < size; ++i) value = value << 8 | bytes[at + i];
  return value;
}

size_t ip_header(const packet& bytes) {
  if (bytes.size() < ip_least || bytes[0] >> 4 != 4) return 0;
  const size_t size = (bytes[0] & 0x0fU) * 4UL;
  return size < ip_least || size > bytes.size() ? 0 : size;
}

}  // namespace

tcp_segment look_at(const packet& bytes) {
  tcp_segment found;
  const size_t ip = ip_header(bytes);
  if (ip == 0 || bytes[9] != protocol_tcp || bytes.size() < ip + tcp_least) return found;
  const size_t tcp = (bytes[ip + 12] & 0xf0U) / 4;
  const size_t total = number(bytes, 2, 2);
  if (tcp < tcp_least || total > bytes.size() || total < ip + tcp) return found;
  found.is_tcp = true;
  found.syn = (bytes[ip + 13] & flag_syn) != 0;
  found.ports = number(bytes, ip, 4);
  found.sequence = number(bytes, ip + 4, 4);
  found.payload = static_cast<uint32_t>(total - ip - tcp);
  return found;
}

bool set_congestion_experienced(packet& bytes) {
  const size_t ip = ip_header(bytes);
  if (ip == 0 || (bytes[1] & ecn_bits) == 0) return false;
  bytes[1] |= ecn_bits;
  bytes[10] = bytes[11] = 0;
  uint32_t sum = 0;
  for (size_t at = 0; at < ip; at += 2) sum += number(bytes, at, 2);
  while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
  bytes[10] = static_cast<uint8_t>(~sum >> 8);
  bytes[11] = static_cast<uint8_t>(~sum);
  return true;
}

}  // namespace relay
