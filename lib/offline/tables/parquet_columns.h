// SPDX-License-Identifier: Apache-2.0
//
// The tables of tcpinfo-csv as columns of a Parquet file: the same names, typed.
#ifndef TCPINFO_OFFLINE_TABLES_PARQUET_COLUMNS_H
#define TCPINFO_OFFLINE_TABLES_PARQUET_COLUMNS_H

#include <tcpinfo/parse.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "offline/inputs/inputs.h"
#include "offline/tables/table_description.h"
#include "offline/tables/table_rows.h"
#include "parquet/values.h"
#include "parquet/writer.h"

namespace tcpinfo::offline {

/// Times are Parquet's timestamps, whatever the style of the description; decimals are doubles.
[[nodiscard]] std::vector<parquet::column_spec> parquet_columns(const table_description& table);
/// With the columns that rows are put in order by: uuid and the table's time, where they are there.
[[nodiscard]] parquet::writer_options parquet_options(const table_description& table);

/// ns since 1970; nullopt for the zero time, and for what 64 bits do not hold.
[[nodiscard]] std::optional<std::int64_t> nanoseconds_of(const timestamp& t);

/// Makes rows of records. One for each thread.
class record_columns {
 public:
  /// Of the options, format and time play no part. Throws std::bad_alloc.
  explicit record_columns(const table_options& options);

  /// Appends one row to a batch with these columns. Throws std::bad_alloc.
  void write(const input_record& r, parquet::row_batch& to);
  /// What of that record is lost; empty for nothing.
  [[nodiscard]] std::string_view loss() const { return loss_; }

 private:
  enum class cell : std::uint8_t { record, number, text, address, written };
  struct column {
    table_source source = table_source::snapshot;
    cell kind = cell::record;
    field_descriptor field;
    std::optional<std::uint64_t> unmeasured;  // its sentinel, where that is no value
    ip_address address;                       // the one written last, and its text
    std::string text;
  };

  void decode(const input_record& r);
  void write_record(table_source source, const input_record& r, parquet::column_values& to);
  void write_time(const timestamp& t, parquet::column_values& to);
  void write_address(column& c, parquet::column_values& to);
  void write_asked(parquet::row_batch& to);

  bool decodes_ = false;
  std::vector<column> columns_;
  snapshot snapshot_;
  // Of columns that are no field's own: names of states, single bits, words that depend on the
  // layout. The library's writer of rows makes them, as text.
  row_writer writer_;
  std::vector<std::size_t> written_;
  std::string row_;
  std::string loss_;
};

}  // namespace tcpinfo::offline

#endif
