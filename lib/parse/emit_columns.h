// SPDX-License-Identifier: Apache-2.0
//
// The columns of a table of snapshots, made from the tables of fields.
#ifndef TCPINFO_PARSE_EMIT_COLUMNS_H
#define TCPINFO_PARSE_EMIT_COLUMNS_H

#include <tcpinfo/parse.h>

#include <cstdint>
#include <span>
#include <string_view>

#include "tcp/field_entry.h"

namespace tcpinfo::inline v0 {

/// What a number is written as.
enum class cell_style : std::uint8_t { plain, state, ca_state };

struct emit_column {
  static constexpr std::uint8_t whole = 0xff;

  const field_entry* field = nullptr;     ///< of layout b where the layouts differ
  const field_entry* layout_a = nullptr;  ///< the same in layout a; null where it does not depend
  std::uint8_t bit = whole;               ///< the one bit of the field the column tells
  cell_style style = cell_style::plain;
  field_type type = field_type::u8;
  field_unit unit = field_unit::count;
  std::string_view name;
  std::string_view since;
  std::string_view meaning;
};

/// In the order of the fields. Static storage.
[[nodiscard]] std::span<const emit_column> emit_columns() noexcept;
/// Null for a handle of no column.
[[nodiscard]] const emit_column* column_of(column_descriptor column) noexcept;

}  // namespace tcpinfo::inline v0

#endif
