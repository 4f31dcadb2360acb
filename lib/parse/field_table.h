// SPDX-License-Identifier: Apache-2.0
#ifndef TCPINFO_PARSE_FIELD_TABLE_H
#define TCPINFO_PARSE_FIELD_TABLE_H

#include <tcpinfo/parse.h>

#include <cstddef>
#include <cstdint>
#include <span>

#include "tcp/field_entry.h"

namespace tcpinfo::inline v0 {

/// The id of accecn_word among these fields; see read_accecn_word().
inline constexpr auto accecn_word_id = static_cast<std::uint32_t>(field(tcp_field::accecn_word));

/// All fields of all groups, by rising id. Static storage.
[[nodiscard]] std::span<const field_entry> field_table() noexcept;
/// The row of a field, nullptr where it is none.
[[nodiscard]] const field_entry* find_entry(field_id id) noexcept;
/// The row a handle stands for, nullptr for one of no field.
[[nodiscard]] const field_entry* entry_of(field_descriptor field) noexcept;

/// Where the last known field of an attribute's payload ends; 0 for attributes without fields of
/// fixed places (texts, nests, opaque ones).
[[nodiscard]] std::size_t known_size(std::uint16_t attribute) noexcept;

/// Whether a payload of that length ends inside a field.
[[nodiscard]] bool ends_inside_field(std::uint16_t attribute, std::size_t length) noexcept;

/// Where in ULP_INFO a field of that group is.
struct nested_place {
  std::uint8_t nest;  ///< 0, 2 (TLS), 3 (MPTCP)
  std::uint8_t type;
};
[[nodiscard]] constexpr nested_place nested_place_of(std::uint32_t id) noexcept {
  return {static_cast<std::uint8_t>(id >> 16U & 0xffU),
          static_cast<std::uint8_t>(id >> 8U & 0xffU)};
}

}  // namespace tcpinfo::inline v0

#endif
