// SPDX-License-Identifier: Apache-2.0
//
// Rows that become a row group, column by column.
#ifndef TCPINFO_PARQUET_VALUES_H
#define TCPINFO_PARQUET_VALUES_H

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace tcpinfo::parquet {

enum class value_type : std::uint8_t {
  u8,
  u16,
  u32,
  u64,
  boolean,
  text,    ///< UTF-8
  time,    ///< ns since 1970, UTC, as the bits of a signed number
  number,  ///< the bits of a double
};

/// The cells of one column. Those that are equal from the first row on take no memory: of some 150
/// columns of a record, most have one value, or none, in ten thousand rows. One thread at a time.
class column_values {
 public:
  explicit column_values(value_type type) : type_(type) {}

  [[nodiscard]] value_type type() const { return type_; }
  [[nodiscard]] std::size_t rows() const { return rows_; }

  /// A number, or a boolean, time or double as value_type has it.
  void push(std::uint64_t value) { push(value, false); }
  void push_null() { push(0, true); }
  /// Of value_type::text. Bytes that are not UTF-8 become U+FFFD.
  void push_text(std::string_view text);
  /// Rows of another of the same type.
  void append(const column_values& from, std::size_t first, std::size_t count);
  /// No rows any more. Memory stays for the next ones.
  void clear();

  /// Whether all rows are the same; is_null() and value() of row 0 tell of all then.
  [[nodiscard]] bool is_uniform() const { return uniform_; }
  [[nodiscard]] bool is_null(std::size_t row) const {
    return uniform_ ? null_ : !present_.empty() && present_[row] == 0;
  }
  /// Of a text its number in texts().
  [[nodiscard]] std::uint64_t value(std::size_t row) const {
    if (uniform_) return value_;
    return is_wide() ? wide_[row] : narrow_[row];
  }
  /// Appends the values, without nulls, to `values`, and, where a row is null, for each row 1 for a
  /// value and 0 for a null to `levels`. `order`: of rows; empty for theirs.
  void gather(std::span<const std::uint32_t> order, std::vector<std::uint64_t>& values,
              std::vector<std::uint32_t>& levels) const;
  /// In the order of first sight, each once.
  [[nodiscard]] const std::deque<std::string>& texts() const;

  /// In bytes, about.
  [[nodiscard]] std::size_t memory() const;

 private:
  [[nodiscard]] bool is_wide() const {
    return type_ == value_type::u64 || type_ == value_type::time || type_ == value_type::number;
  }
  void push(std::uint64_t value, bool null) {
    if (uniform_ && (rows_ == 0 || (null == null_ && value == value_))) {
      value_ = value;
      null_ = null;
      ++rows_;
      return;
    }
    if (uniform_) spread();
    if (null || !present_.empty()) push_present(null);
    if (is_wide())
      wide_.push_back(value);
    else
      narrow_.push_back(static_cast<std::uint32_t>(value));
    ++rows_;
  }
  void push_present(bool null) {
    if (present_.empty()) present_.assign(rows_, 1);
    present_.push_back(null ? 0 : 1);
  }
  void push_many(std::uint64_t value, bool null, std::size_t count);
  void append_cells(const column_values& from, std::size_t first, std::size_t count);
  void spread();
  std::uint32_t number_of(std::string_view text);

  value_type type_;
  bool uniform_ = true;
  bool null_ = false;
  std::uint64_t value_ = 0;
  std::size_t rows_ = 0;
  // Empty while uniform; `present_` also where no row is null.
  std::vector<std::uint32_t> narrow_;
  std::vector<std::uint64_t> wide_;
  std::vector<std::uint8_t> present_;
  // Made for the first text: of a thousand partitions, each has all columns.
  struct text_store {
    std::deque<std::string> texts;  // views of these are the keys
    std::unordered_map<std::string_view, std::uint32_t> numbers;
    std::size_t bytes = 0;
    std::string last_raw;  // the text pushed last, as it was given
    std::uint32_t last = 0;
    bool any = false;
  };
  std::unique_ptr<text_store> texts_;
};

/// Rows of a table: a column_values for each column, all of the same length.
using row_batch = std::vector<column_values>;

}  // namespace tcpinfo::parquet

#endif
