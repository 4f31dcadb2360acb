// SPDX-License-Identifier: Apache-2.0
//
// Fields by number or name, for the other files of the interface for C.
#ifndef TCPINFO_C_FIELD_INFO_H
#define TCPINFO_C_FIELD_INFO_H

#include <tcpinfo/parse.h>

#include <string_view>

namespace tcpinfo::inline v0 {

/// By csv_name, or group and name with a dot between them. Of no field where there is none.
[[nodiscard]] field_descriptor field_named(std::string_view name) noexcept;

/// What reads a field.
enum class read_as { number, text, address };

/// 0, or the tcpinfo_error that says why that field cannot be read so.
[[nodiscard]] int refusal(const field_descriptor& field, read_as as) noexcept;

}  // namespace tcpinfo::inline v0

#endif
