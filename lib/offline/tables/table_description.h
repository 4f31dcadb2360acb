// SPDX-License-Identifier: Apache-2.0
//
// What there is to know about a table, whatever its rows are of.
#ifndef TCPINFO_OFFLINE_TABLES_TABLE_DESCRIPTION_H
#define TCPINFO_OFFLINE_TABLES_TABLE_DESCRIPTION_H

#include <tcpinfo/parse.h>

#include <string>
#include <string_view>
#include <vector>

#include "offline/text/times.h"

namespace tcpinfo::offline {

/// All texts have static storage.
struct column_description {
  std::string_view name;
  /// Neutral names of types: u8 u16 u32 u64 boolean text address time decimal.
  std::string_view type;
  std::string_view unit;
  std::string_view first_kernel;
  std::string_view meaning;
};

struct table_description {
  std::string_view name;
  std::string_view time;  ///< the column that rows are ordered by, besides uuid
  std::vector<column_description> columns;
};

/// The name of a field's type.
[[nodiscard]] std::string_view type_name(field_type t);
/// The type of columns of times: seconds since 1970 are decimals.
[[nodiscard]] std::string_view type_of_times(time_style style);

/// One line a column: name, type, unit, first kernel, meaning, with tabs between them, and a line
/// with these words before them.
[[nodiscard]] std::string list_of(const table_description& table);

}  // namespace tcpinfo::offline

#endif
