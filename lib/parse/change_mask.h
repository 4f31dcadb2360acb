// SPDX-License-Identifier: Apache-2.0
//
// The change mask: in which bytes of a message a difference is a change. The rules of the fields
// (groups.def, tcp_info_fields.def) become masks of bytes at compile time, because a masked compare
// is all that the flow table can afford for an unchanged connection.
#ifndef TCPINFO_PARSE_CHANGE_MASK_H
#define TCPINFO_PARSE_CHANGE_MASK_H

#include <tcpinfo/inetdiag.h>
#include <tcpinfo/parse.h>
#include <tcpinfo/tcp.h>

#include <array>
#include <cstddef>

namespace tcpinfo::inline v0 {

namespace change_mask_detail {

struct field_bytes {
  field_group group;
  std::size_t at;
  std::size_t size;
  change_rule rule;
};

inline constexpr field_bytes fields[] = {
#define TCPINFO_GROUP_FIELD(group, id, at, size, shift, bits, kind, unit, rule, ...) \
  {field_group::group, at, size, change_rule::rule},
#define TCPINFO_TCP_FIELD(name, at, size, shift, bits, layout, unit, rule, ...) \
  {field_group::info, at, size, change_rule::rule},
#include <tcpinfo/groups.def>
#include <tcpinfo/tcp_info_fields.def>
};

/// 0xff in every byte of the group's fields with that rule, 0 elsewhere.
template <std::size_t Size>
[[nodiscard]] constexpr std::array<std::byte, Size> mask_of(field_group group, change_rule rule) {
  std::array<std::byte, Size> mask{};
  for (const field_bytes& f : fields) {
    if (f.group != group || f.rule != rule) continue;
    for (std::size_t i = f.at; i < f.at + f.size; ++i) mask[i] = std::byte{0xff};
  }
  return mask;
}

/// Every byte has one rule: fields that share a byte must share it too.
template <std::size_t Size>
[[nodiscard]] constexpr bool rules_disjoint(field_group group) {
  const auto changes = mask_of<Size>(group, change_rule::changes);
  const auto ages = mask_of<Size>(group, change_rule::age);
  const auto grows = mask_of<Size>(group, change_rule::grows);
  for (std::size_t i = 0; i < Size; ++i) {
    const int rules = (changes[i] != std::byte{0} ? 1 : 0) + (ages[i] != std::byte{0} ? 1 : 0) +
                      (grows[i] != std::byte{0} ? 1 : 0);
    if (rules != 1) return false;
  }
  return true;
}

}  // namespace change_mask_detail

/// End of the fields of INET_DIAG_INFO that have a rule. Bytes from there on are a newer kernel's:
/// nothing is known of them, so each counts in full.
inline constexpr std::size_t info_mask_size = tcp_info_known_size;

/// Bytes of struct inet_diag_msg where a difference is a change: all but `expires`.
inline constexpr auto header_changes_mask = change_mask_detail::mask_of<wire::inet_diag_msg_size>(
    field_group::header, change_rule::changes);

/// Bytes of INET_DIAG_INFO where a difference is a change at once: not ages, not what grows.
inline constexpr auto info_changes_mask =
    change_mask_detail::mask_of<info_mask_size>(field_group::info, change_rule::changes);

/// Bytes of the stall times, which grow while a condition lasts (busy_time, rwnd_limited,
/// sndbuf_limited, total_rto_time).
inline constexpr auto info_grows_mask =
    change_mask_detail::mask_of<info_mask_size>(field_group::info, change_rule::grows);

static_assert(change_mask_detail::rules_disjoint<wire::inet_diag_msg_size>(field_group::header));
static_assert(change_mask_detail::rules_disjoint<info_mask_size>(field_group::info));

}  // namespace tcpinfo::inline v0

#endif
