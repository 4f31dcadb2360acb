// SPDX-License-Identifier: Apache-2.0
//
// Records as columns in the layout of Apache Arrow.
#ifndef TCPINFO_C_ARROW_COLUMNS_H
#define TCPINFO_C_ARROW_COLUMNS_H

#include <tcpinfo/c.h>
#include <tcpinfo/parse.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "c/open_reader.h"

namespace tcpinfo::inline v0 {

/// One column while it grows. Its vectors become the buffers that Arrow sees.
class arrow_column {
 public:
  enum class kind : std::uint8_t { uuid, time, poll, ended, field };

  /// Of a record; `field` for kind::field alone.
  arrow_column(kind what, std::string name, field_descriptor field = {});

  [[nodiscard]] const std::string& name() const { return name_; }
  /// As Arrow's format strings have it.
  [[nodiscard]] const char* format() const { return format_; }
  [[nodiscard]] std::size_t bytes() const { return values_.size(); }

  /// Appends the cell of the latest record, which is decoded.
  void push(const tcpinfo_reader& reader, bool keep_sentinels);
  /// Moves the rows out; none are left. `out` is to be released. May throw, and then has nothing.
  void take(ArrowArray& out);

 private:
  void push_value(std::uint64_t value);
  void push_text(std::string_view text);
  void push_null();
  void push_field(const snapshot& decoded, bool keep_sentinels);
  void count(bool is_there);

  kind what_;
  std::string name_;
  field_descriptor field_;
  const char* format_ = "";
  unsigned bits_ = 0;  // of a value; 0: a text
  std::size_t rows_ = 0;
  std::size_t nulls_ = 0;
  std::vector<std::uint8_t> valid_;   // a bit for each row
  std::vector<std::uint8_t> values_;  // or characters
  std::vector<std::int32_t> offsets_;
};

/// The type of a struct with these columns. `out` is to be released. May throw, and then has
/// nothing.
void make_arrow_schema(const std::vector<arrow_column>& columns, ArrowSchema& out);

/// Moves the rows of all columns out, as a struct each. `out` is to be released. May throw, and
/// then has nothing.
void take_arrow_rows(std::vector<arrow_column>& columns, std::size_t rows, ArrowArray& out);

}  // namespace tcpinfo::inline v0

#endif
