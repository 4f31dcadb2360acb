// SPDX-License-Identifier: Apache-2.0
//
// The statement that makes a database's table for the rows of tcpinfo-csv.
#ifndef TCPINFO_OFFLINE_TABLES_TABLE_DDL_H
#define TCPINFO_OFFLINE_TABLES_TABLE_DDL_H

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "offline/tables/table_description.h"
#include "offline/text/times.h"

namespace tcpinfo::offline {

enum class database : std::uint8_t {
  postgresql,
  duckdb,
  clickhouse,
  bigquery,
  sqlite,
  clickhouse_plain,  ///< of the types that its version 18.16 has
};

/// "postgresql", "clickhouse-plain" and so on.
[[nodiscard]] std::optional<database> find_database(std::string_view name);
/// All of these, for a message.
[[nodiscard]] std::string database_names();

/// SQL that makes that table: types that hold every value, what each column means, and what rows
/// are found by (there is no unique key: two archives may hold the same record). For SQLite, whose
/// `.import` knows no NULL and whose integers end at 2^63, also a view, of the table's name with
/// `_csv` behind it: rows inserted there arrive in the table.
[[nodiscard]] std::string ddl_of(const table_description& table, time_style style, database db);

}  // namespace tcpinfo::offline

#endif
