// SPDX-License-Identifier: Apache-2.0
//
// Writes a Parquet file: rows come in batches, row groups go out, the footer at the end. A pipe
// will do.
#ifndef TCPINFO_PARQUET_WRITER_H
#define TCPINFO_PARQUET_WRITER_H

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "parquet/chunk.h"
#include "parquet/values.h"

namespace tcpinfo::parquet {

/// A column. All may have nulls.
struct column_spec {
  std::string name;
  value_type type = value_type::u64;
};

struct writer_options {
  std::int32_t level = 3;  ///< zstd's
  /// Most rows of a row group, which stands in memory until it is full.
  std::size_t group_rows = std::size_t{1} << 19U;
  /// Above so many bytes, about, it is written before it is full: at 150 columns of 8 bytes that
  /// differ from row to row with 224,000 rows, of real records hardly ever.
  std::size_t group_memory = std::size_t{256} << 20U;
  /// A page is read as a whole. What connections have in common (the times of polls) is found
  /// within one: the fewer, the shorter.
  std::size_t page_rows = std::size_t{1} << 19U;
  /// Columns by which the rows of a row group are put in order, the first one first. Nulls come
  /// first, texts by their bytes.
  std::vector<std::size_t> order;
  std::string created_by;
  std::vector<std::pair<std::string, std::string>> notes;  ///< key and value, in the footer
};

/// One thread at a time. What is not finished is no Parquet file.
class file_writer {
 public:
  /// Takes the file's next bytes. @return false when there is no use in going on.
  using sink = std::function<bool(std::string_view)>;

  /// Throws std::bad_alloc, as all of its functions do.
  file_writer(std::vector<column_spec> columns, writer_options options, sink to);

  /// A batch with these columns and no rows.
  [[nodiscard]] static row_batch make_batch(const std::vector<column_spec>& columns);

  /// Takes copies of rows, whose columns are the file's. Writes row groups that are full.
  /// @return false where the sink said so. Throws std::length_error for texts of one column that
  /// are different and have 2 GiB together, in one batch; flush() and finish() do as well.
  [[nodiscard]] bool append(const row_batch& batch);
  /// Writes what there is as a row group of its own, and gives its memory back.
  [[nodiscard]] bool flush();
  /// The same, and the footer behind it. Nothing may follow.
  [[nodiscard]] bool finish();

  /// Of the row group that is being filled, in bytes, about.
  [[nodiscard]] std::size_t memory() const;

 private:
  struct written_column {
    std::size_t at = 0;  // in the file
    column_chunk chunk;  // without its bytes
    std::size_t size = 0;
    std::size_t index_at = 0;  // 0: it has no index
    std::size_t index_size = 0;
    std::size_t offsets_at = 0;
    std::size_t offsets_size = 0;
  };
  struct written_group {
    std::vector<written_column> columns;
    std::size_t rows = 0;
  };

  [[nodiscard]] bool put(std::string_view bytes);
  [[nodiscard]] std::vector<std::uint32_t> order_of_rows() const;
  [[nodiscard]] bool put_indexes();
  [[nodiscard]] std::string footer() const;

  std::vector<column_spec> columns_;
  writer_options options_;
  sink sink_;
  row_batch rows_;
  std::vector<written_group> groups_;
  std::size_t at_ = 0;
};

}  // namespace tcpinfo::parquet

#endif
