// SPDX-License-Identifier: Apache-2.0
//
// Records as rows of a table.
#ifndef TCPINFO_OFFLINE_TABLES_TABLE_ROWS_H
#define TCPINFO_OFFLINE_TABLES_TABLE_ROWS_H

#include <tcpinfo/parse.h>

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "offline/inputs/inputs.h"
#include "offline/tables/table_columns.h"
#include "offline/text/times.h"

namespace tcpinfo::offline {

/// What makes a row of a record. One for each thread.
class row_maker {
 public:
  virtual ~row_maker() = default;
  row_maker() = default;
  row_maker(const row_maker&) = delete;
  row_maker& operator=(const row_maker&) = delete;

  /// Whether metadata records have rows, too.
  [[nodiscard]] virtual bool takes_metadata() const = 0;
  /// Reads the record. @return room that write() wants.
  [[nodiscard]] virtual std::size_t begin(const input_record& r) = 0;
  /// Writes the row of that record, newline included. @return its end.
  [[nodiscard]] virtual char* write(const input_record& r, char* to) = 0;
  /// What of that record is lost; empty for nothing.
  [[nodiscard]] virtual std::string_view loss() const { return {}; }
};

struct table_options {
  std::vector<table_column> columns;
  row_format format = row_format::csv;
  time_style time = time_style::utc;
  bool keep_sentinels = false;
};

/// The first line with its newline; empty for JSON.
[[nodiscard]] std::string table_header(const table_options& options);

/// Throws std::bad_alloc.
[[nodiscard]] std::unique_ptr<row_maker> make_table_rows(const table_options& options);
/// The rows of mlab_csv.
[[nodiscard]] std::unique_ptr<row_maker> make_mlab_rows();

}  // namespace tcpinfo::offline

#endif
