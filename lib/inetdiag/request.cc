// SPDX-License-Identifier: Apache-2.0
#include "inetdiag/request.h"

#include <netinet/in.h>

#include <cstring>
#include <utility>

namespace tcpinfo::inline v0 {
namespace {

std::error_code check_shared(std::uint32_t extensions, std::int64_t timeout_ns) noexcept {
  const bool good = (extensions & ~all_extensions) == 0 && timeout_ns > 0;
  return good ? errc::ok : errc::invalid_argument;
}

bool is_ip(address_family family) noexcept {
  return family == address_family::ipv4 || family == address_family::ipv6;
}

inet_diag_sockid to_wire(const socket_id& id) noexcept {
  inet_diag_sockid wire{};
  wire.idiag_sport = htons(id.sport);
  wire.idiag_dport = htons(id.dport);
  std::memcpy(wire.idiag_src, id.src.bytes.data(), sizeof wire.idiag_src);
  std::memcpy(wire.idiag_dst, id.dst.bytes.data(), sizeof wire.idiag_dst);
  wire.idiag_if = id.interface;
  wire.idiag_cookie[0] = static_cast<std::uint32_t>(id.cookie);
  wire.idiag_cookie[1] = static_cast<std::uint32_t>(id.cookie >> 32);
  return wire;
}

}  // namespace

std::error_code check_request(const dump_request& request) noexcept {
  if (const auto ec = check_shared(request.extensions, request.timeout_ns)) return ec;
  if ((request.states & ~all_states) != 0) return errc::invalid_argument;
  switch (request.families) {
    case dump_families::both:
    case dump_families::ipv4:
    case dump_families::ipv6:
      break;
    default:
      return errc::invalid_argument;
  }
  switch (request.protocol) {
    case transport::tcp:
    case transport::udp:
    case transport::mptcp:
      break;
    default:
      return errc::invalid_argument;
  }
  if (request.bytecode.size() % sizeof(inet_diag_bc_op) != 0) return errc::invalid_argument;
  return request.states == 0 ? errc::empty_request : errc::ok;
}

std::error_code check_request(const query_request& request) noexcept {
  if (const auto ec = check_shared(request.extensions, request.timeout_ns)) return ec;
  const bool known = request.protocol == transport::tcp || request.protocol == transport::udp;
  return known ? errc::ok : errc::invalid_argument;
}

bool can_be_queried(const socket_id& id) noexcept {
  if (!is_ip(id.src.family)) return false;
  // A listener has no remote end.
  const bool none = id.dst.family == address_family::unspecified && id.dst.is_unspecified();
  return none || id.dst.family == id.src.family;
}

inet_diag_req_v2 query_body(const socket_id& id, const query_request& request) noexcept {
  inet_diag_req_v2 body{};
  body.sdiag_family = static_cast<std::uint8_t>(id.src.family);
  body.sdiag_protocol = protocol_byte(request.protocol);
  body.idiag_ext = static_cast<std::uint8_t>(request.extensions);
  body.idiag_states = ~0U;
  body.id = to_wire(id);
  // udp_diag looks for its sockets from the other end (net/ipv4/udp_diag.c: "for historical
  // reasons").
  if (request.protocol == transport::udp) {
    std::swap(body.id.idiag_sport, body.id.idiag_dport);
    std::swap(body.id.idiag_src, body.id.idiag_dst);
  }
  return body;
}

}  // namespace tcpinfo::inline v0
