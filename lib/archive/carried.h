// SPDX-License-Identifier: Apache-2.0
//
// The names in a record's key Carried, which stand for the bits of record_extras::carried.
#ifndef TCPINFO_ARCHIVE_CARRIED_H
#define TCPINFO_ARCHIVE_CARRIED_H

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace tcpinfo::inline v0 {

inline constexpr std::string_view carried_key = ",\"Carried\":[";
/// Of all names, with the key and the brackets.
inline constexpr std::size_t max_carried_size = 512;

/// Writes the key and its array: the names in the order of their bits.
char* write_carried(char* to, std::uint32_t carried) noexcept;

/// The bit that a name stands for; 0 for a name that is none of ours.
[[nodiscard]] std::uint32_t carried_bit(std::string_view name) noexcept;

}  // namespace tcpinfo::inline v0

#endif
