// SPDX-License-Identifier: Apache-2.0
#include "offline/tables/table_ddl.h"

#include <fmt/format.h>
#include <tcpinfo/version.h>
#include <algorithm>
#include <array>
#include <iterator>
#include <vector>

namespace tcpinfo::offline {
namespace {

constexpr std::string_view databases[] = {"postgresql", "duckdb", "clickhouse",
                                          "bigquery",   "sqlite", "clickhouse-plain"};
constexpr std::size_t database_count = std::size(databases);

// A name of table_column::type(), and the type in each database. ClickHouse's are those of columns
// that are always there, the plain ones those of its version 18.16, which has no times of
// nanoseconds (text; with --time epoch numbers); SQLite's u64 has none, which keeps numbers and
// texts as they are inserted.
struct type_row {
  std::string_view name;
  std::array<std::string_view, database_count> types;
};
constexpr type_row types[] = {
    {"u8", {"smallint", "utinyint", "UInt8", "INT64", "integer", "UInt8"}},
    {"u16", {"integer", "usmallint", "UInt16", "INT64", "integer", "UInt16"}},
    {"u32", {"bigint", "uinteger", "UInt32", "INT64", "integer", "UInt32"}},
    {"u64", {"numeric(20)", "ubigint", "UInt64", "NUMERIC", "", "UInt64"}},
    {"boolean", {"boolean", "boolean", "Bool", "BOOL", "integer", "UInt8"}},
    {"text", {"text", "varchar", "String", "STRING", "text", "String"}},
    {"address", {"inet", "varchar", "String", "STRING", "text", "String"}},
    {"time",
     {"timestamptz", "timestamp_ns", "DateTime64(9, 'UTC')", "TIMESTAMP", "text", "String"}},
    {"decimal",
     {"numeric(20,9)", "decimal(20,9)", "Decimal(20, 9)", "NUMERIC", "text", "Decimal(20, 9)"}},
};

std::string_view type_in(std::string_view name, database db) {
  for (const type_row& row : types)
    if (row.name == name) return row.types[static_cast<std::size_t>(db)];
  return {};
}

bool has(const table_description& table, std::string_view name) {
  return std::any_of(table.columns.begin(), table.columns.end(),
                     [name](const column_description& c) { return c.name == name; });
}

// In quotes of SQL, where a quote is written twice; BigQuery takes a backslash.
std::string quoted(std::string_view text, database db) {
  std::string to = "'";
  for (const char c : text) {
    if (c == '\'') to += db == database::bigquery ? '\\' : '\'';
    to += c;
  }
  return to + "'";
}

std::string meaning_of(const column_description& c) {
  std::string text(c.meaning);
  if (!c.unit.empty() && c.unit != "text" && c.unit != "id" && c.unit != "time")
    text += fmt::format(" ({})", c.unit);
  return text;
}

// What is in every row, so that rows can be ordered by it.
bool always_there(const table_description& table, const column_description& c) {
  return c.name == "uuid" || c.name == table.time;
}

std::string clickhouse_type(const table_description& table, const column_description& c,
                            database db) {
  const std::string_view type = type_in(c.type, db);
  if (always_there(table, c)) return std::string(type);
  // Of names that come again and again. Version 18.16 has that only as an experiment.
  if (c.type == "text" && db == database::clickhouse) return "LowCardinality(Nullable(String))";
  return fmt::format("Nullable({})", type);
}

std::string lines_of(const table_description& table, database db) {
  std::string text;
  for (const column_description& c : table.columns) {
    const std::string_view between = &c == &table.columns.back() ? "" : ",";
    const std::string_view type = type_in(c.type, db);
    switch (db) {
      case database::clickhouse_plain:
        // A replicated table of version 18.16 takes no COMMENT.
        text += fmt::format("  {} {}{}  -- {}\n", c.name, clickhouse_type(table, c, db), between,
                            meaning_of(c));
        break;
      case database::clickhouse:
        text += fmt::format("  {} {} COMMENT {}{}\n", c.name, clickhouse_type(table, c, db),
                            quoted(meaning_of(c), db), between);
        break;
      case database::bigquery:
        text += fmt::format("  {} {} OPTIONS(description={}){}\n", c.name, type,
                            quoted(meaning_of(c), db), between);
        break;
      case database::sqlite:
        // It has no other place for what a column means.
        text += fmt::format("  {}{}{}{}  -- {}\n", c.name, type.empty() ? "" : " ", type, between,
                            meaning_of(c));
        break;
      case database::postgresql:
      case database::duckdb:
        text += fmt::format("  {} {}{}\n", c.name, type, between);
    }
  }
  return text;
}

std::string comments_of(const table_description& table, database db) {
  std::string text;
  for (const column_description& c : table.columns)
    text += fmt::format("COMMENT ON COLUMN {}.{} IS {};\n", table.name, c.name,
                        quoted(meaning_of(c), db));
  return text;
}

// What rows are found and ordered by, of the columns that are there.
std::string keys_of(const table_description& table, time_style style, database db) {
  const bool uuid = has(table, "uuid");
  const bool time = has(table, table.time);
  std::string keys = uuid ? "uuid" : "";
  if (time) keys.append(keys.empty() ? "" : ", ").append(table.time);
  const bool days = time && style != time_style::epoch;
  switch (db) {
    case database::clickhouse:
    case database::clickhouse_plain:
      return fmt::format(")\nENGINE = MergeTree{}\nORDER BY {};\n",
                         days && db == database::clickhouse
                             ? fmt::format("\nPARTITION BY toDate({})", table.time)
                             : "",
                         keys.empty() ? "tuple()" : "(" + keys + ")");
    case database::bigquery:
      return fmt::format("){}{};\n", days ? fmt::format("\nPARTITION BY DATE({})", table.time) : "",
                         uuid ? "\nCLUSTER BY uuid" : "");
    case database::postgresql:
    case database::duckdb:
    case database::sqlite:
      break;
  }
  std::string text = ");\n";
  // DuckDB skips rows by what it keeps of each group of them; an index would cost memory and time.
  if (db == database::duckdb) return text;
  if (uuid) text += fmt::format("CREATE INDEX {0}_by_uuid ON {0} ({1});\n", table.name, keys);
  if (time) text += fmt::format("CREATE INDEX {0}_by_{1} ON {0} ({1});\n", table.name, table.time);
  return text;
}

// An empty cell is no value, and a number above what an integer holds stays the text it was.
std::string sqlite_cell(const column_description& c) {
  const std::string value = fmt::format("nullif(NEW.{}, '')", c.name);
  if (c.type != "u64") return value;
  constexpr std::string_view most = "9223372036854775807";
  return fmt::format(
      "CASE WHEN length(NEW.{0}) < {1} OR (length(NEW.{0}) = {1} AND NEW.{0} <= '{2}') "
      "THEN CAST({3} AS integer) ELSE NEW.{0} END",
      c.name, most.size(), most, value);
}

// By names: a table that has grown has its columns in another order.
std::string sqlite_import(const table_description& table) {
  std::string names;
  for (const column_description& c : table.columns)
    names.append(names.empty() ? "" : ", ").append(c.name);
  std::string text = fmt::format(
      "CREATE VIEW {0}_csv AS SELECT {1} FROM {0};\n"
      "CREATE TRIGGER {0}_import INSTEAD OF INSERT ON {0}_csv BEGIN\n"
      "  INSERT INTO {0} ({1}) VALUES (\n",
      table.name, names);
  for (const column_description& c : table.columns)
    text += fmt::format("    {}{}\n", sqlite_cell(c), &c == &table.columns.back() ? ");" : ",");
  return text + "END;\n";
}

}  // namespace

std::optional<database> find_database(std::string_view name) {
  const auto* const at = std::find(std::begin(databases), std::end(databases), name);
  if (at == std::end(databases)) return std::nullopt;
  return static_cast<database>(at - std::begin(databases));
}

std::string database_names() {
  std::string names;
  for (const std::string_view name : databases)
    names.append(names.empty() ? "" : ", ").append(name);
  return names;
}

std::string ddl_of(const table_description& table, time_style style, database db) {
  std::string text = fmt::format(
      "-- The table of tcpinfo-csv {}, {} columns, for {}.\nCREATE TABLE {} (\n", version_string(),
      table.columns.size(), databases[static_cast<std::size_t>(db)], table.name);
  text += lines_of(table, db);
  text += keys_of(table, style, db);
  if (db == database::postgresql || db == database::duckdb) text += comments_of(table, db);
  if (db == database::sqlite) text += sqlite_import(table);
  return text;
}

}  // namespace tcpinfo::offline
