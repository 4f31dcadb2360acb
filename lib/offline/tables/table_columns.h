// SPDX-License-Identifier: Apache-2.0
//
// The columns of tcpinfo-csv's table of records: those of a record, then those of a snapshot.
#ifndef TCPINFO_OFFLINE_TABLES_TABLE_COLUMNS_H
#define TCPINFO_OFFLINE_TABLES_TABLE_COLUMNS_H

#include <tcpinfo/parse.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "offline/tables/table_description.h"
#include "offline/text/times.h"

namespace tcpinfo::offline {

enum class table_source : std::uint8_t {
  uuid,
  sequence,
  timestamp,
  poll,
  opened,
  ended,
  carried,
  thinned,
  snapshot
};

struct table_column {
  table_source source = table_source::snapshot;
  column_descriptor field;  ///< of table_source::snapshot only

  [[nodiscard]] std::string_view name() const;
  /// As column_description has it.
  [[nodiscard]] std::string_view type(time_style style) const;
  [[nodiscard]] std::string_view unit() const;
  [[nodiscard]] std::string_view first_kernel() const;
  [[nodiscard]] std::string_view meaning() const;
};

/// All of them, in the default order.
[[nodiscard]] std::vector<table_column> all_columns();

/// Picks by names and globs (* ? [...]) between commas, in that order, and adds to `out`; a glob's
/// matches come in the default order, and a column comes once.
/// @return what is wrong; empty where nothing is.
[[nodiscard]] std::string pick_columns(std::string_view list, std::vector<table_column>& out);

/// The table `tcpinfo` with these columns, for list_of() and ddl_of().
[[nodiscard]] table_description describe(const std::vector<table_column>& columns,
                                         time_style style);

}  // namespace tcpinfo::offline

#endif
