// SPDX-License-Identifier: Apache-2.0
#include "offline/inputs/captures/netlink_messages.h"

namespace tcpinfo::offline {
namespace {

constexpr std::uint16_t type_error = 2;
constexpr std::uint16_t type_done = 3;
constexpr std::uint16_t type_tcpdiag = 18;
constexpr std::uint16_t type_by_family = 20;
constexpr std::uint16_t type_destroy = 21;
constexpr std::uint16_t flag_request = 1;

message_kind kind_of(std::uint16_t type, std::uint16_t flags) noexcept {
  switch (type) {
    case type_error:
      return message_kind::error;
    case type_done:
      return message_kind::done;
    case type_destroy:
      return message_kind::destroy;
    case type_tcpdiag:
    case type_by_family:
      // The kernel never sets this flag, and never acts on a message without it.
      return (flags & flag_request) != 0 ? message_kind::request : message_kind::response;
    default:
      return message_kind::other;
  }
}

}  // namespace

message_start start_of_message(const std::byte* header, std::size_t most) noexcept {
  constexpr std::uint16_t types_end = 256;
  const message_start ours{wire::load<std::uint32_t>(header), wire::load<std::uint16_t>(header + 4),
                           false};
  const message_start theirs{__builtin_bswap32(ours.length), __builtin_bswap16(ours.type), true};
  if (!is_plausible_length(theirs.length, most)) return ours;
  const bool plausible = is_plausible_length(ours.length, most);
  return !plausible || (ours.type >= types_end && theirs.type < types_end) ? theirs : ours;
}

std::string_view parse_message(bytes_view whole, const message_start& start,
                               netlink_message& out) noexcept {
  const std::byte* header = whole.data();
  const auto flags = wire::load<std::uint16_t>(header + 6);
  const auto sequence = wire::load<std::uint32_t>(header + 8);
  const auto port = wire::load<std::uint32_t>(header + 12);
  out.type = start.type;
  out.other_order = start.other_order;
  out.flags = start.other_order ? __builtin_bswap16(flags) : flags;
  out.sequence = start.other_order ? __builtin_bswap32(sequence) : sequence;
  out.port = start.other_order ? __builtin_bswap32(port) : port;
  out.payload = whole.subspan(netlink_header_size);
  out.kind = kind_of(out.type, out.flags);
  const bool is_short =
      out.kind == message_kind::response && out.payload.size() < wire::inet_diag_msg_size;
  return is_short ? short_message : std::string_view();
}

}  // namespace tcpinfo::offline
