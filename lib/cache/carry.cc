// SPDX-License-Identifier: Apache-2.0
#include "cache/carry.h"

namespace tcpinfo::inline v0 {
namespace {

constexpr std::size_t ends_at = wire::sport_at;
constexpr std::size_t ends_size = wire::interface_at - wire::sport_at;

// Keys are never recorded, and a filler says nothing.
constexpr std::uint32_t never =
    attribute_bit(attribute_type::md5sig) | attribute_bit(attribute_type::pad);

// The kernel takes the remote port when it disconnects the socket, and the local address unless the
// program had bound it.
bool ends_are_cleared(const message& event, const message& last) noexcept {
  return (event.sport() == 0 && last.sport() != 0) || (event.dport() == 0 && last.dport() != 0) ||
         (event.src().is_unspecified() && !last.src().is_unspecified());
}

std::uint32_t parts_of(const message& m) noexcept {
  std::uint32_t parts = 0;
  for (const attribute& a : m.attributes()) parts |= attribute_bit(a.type);
  return parts & ~ends_bit;
}

std::byte* append(const attribute& a, std::byte* to) noexcept {
  const std::size_t size = wire::attribute_header_size + a.payload.size();
  std::memcpy(to, a.payload.data() - wire::attribute_header_size, size);
  const std::size_t padded = wire::align4(size);
  std::memset(to + size, 0, padded - size);
  return to + padded;
}

}  // namespace

std::uint32_t missing_in(const message& event, const message& last, bool info_cleared) noexcept {
  std::uint32_t there = parts_of(event);
  if (info_cleared) there &= ~attribute_bit(attribute_type::info);
  const std::uint32_t missing = parts_of(last) & ~there & ~never;
  return ends_are_cleared(event, last) ? missing | ends_bit : missing;
}

std::size_t carry(const message& event, const message& last, std::uint32_t parts,
                  std::byte* to) noexcept {
  std::byte* const start = to;
  std::memcpy(to, event.bytes.data(), wire::inet_diag_msg_size);
  if ((parts & ends_bit) != 0) std::memcpy(to + ends_at, last.bytes.data() + ends_at, ends_size);
  to += wire::inet_diag_msg_size;
  for (const attribute& a : event.attributes())
    if ((attribute_bit(a.type) & parts) == 0 && !a.is(attribute_type::md5sig)) to = append(a, to);
  // Of each type the first one, as when it was recorded.
  std::uint32_t left = parts & ~ends_bit;
  if (left == 0) return static_cast<std::size_t>(to - start);  // `last` may be none
  for (const attribute& a : last.attributes()) {
    if ((attribute_bit(a.type) & left) == 0) continue;
    left &= ~attribute_bit(a.type);
    to = append(a, to);
  }
  return static_cast<std::size_t>(to - start);
}

}  // namespace tcpinfo::inline v0
