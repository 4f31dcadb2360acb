// SPDX-License-Identifier: Apache-2.0
//
// Where the rows of tcpinfo-csv --format parquet go: one file, or a directory with a file for each
// partition.
#ifndef TCPINFO_OFFLINE_COMMANDS_PARQUET_OUTPUT_H
#define TCPINFO_OFFLINE_COMMANDS_PARQUET_OUTPUT_H

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "offline/commands/csv_target.h"
#include "offline/commands/partition_files.h"
#include "offline/inputs/inputs.h"
#include "offline/tables/parquet_columns.h"
#include "offline/tables/table_description.h"
#include "parquet/writer.h"

namespace tcpinfo::offline {

/// What rows are divided by: what a partition's folders are named after.
enum class partition_key : std::uint8_t { date, hour, host };
using partition_keys = std::vector<partition_key>;

/// "date,hour,host", each at most once. @return what is wrong; empty where nothing is.
[[nodiscard]] std::string parse_partition(std::string_view list, partition_keys& out);

/// Finds the folder of a row: "date=2026-01-31/hour=23/host=a.example", in UTC. What is not known,
/// as engines have it: "__HIVE_DEFAULT_PARTITION__". Characters of a host that file names or
/// engines do not take are %XX, and more than 250 characters are left out.
class partition_namer {
 public:
  explicit partition_namer(partition_keys keys) : keys_(std::move(keys)) {}

  /// Valid until the next call; empty without keys.
  [[nodiscard]] const std::string& name_of(const timestamp& time, std::string_view host);

 private:
  partition_keys keys_;
  std::string name_;
  std::int64_t hour_ = INT64_MIN;  // those of `name_`
  std::string host_;
};

/// Batches of rows by the names of their partitions.
class partitioned_rows {
 public:
  explicit partitioned_rows(const std::vector<parquet::column_spec>& columns) : columns_(columns) {}

  /// Where the next row of that partition goes.
  [[nodiscard]] parquet::row_batch& of(const std::string& partition);
  /// Those that have rows, in the order of their names.
  [[nodiscard]] std::map<std::string, parquet::row_batch>& all() { return batches_; }
  /// No rows any more.
  void clear();

 private:
  const std::vector<parquet::column_spec>& columns_;
  std::map<std::string, parquet::row_batch> batches_;
  parquet::row_batch* latest_ = nullptr;
  std::string latest_name_;
};

/// One thread at a time.
class parquet_output {
 public:
  /// `folder`: the directory of partitions; empty for one file, which is `target`. Both must
  /// outlive it.
  parquet_output(const table_description& table, csv_target& target, std::string folder);
  parquet_output(const parquet_output&) = delete;
  parquet_output& operator=(const parquet_output&) = delete;

  [[nodiscard]] const std::vector<parquet::column_spec>& columns() const { return columns_; }
  /// Takes copies of the rows. @return false when there is no use in going on: error(), or what the
  /// target says.
  [[nodiscard]] bool append(partitioned_rows& rows);
  /// Ends all files, and gives those of partitions their names, unless there was an error().
  /// @return as append().
  [[nodiscard]] bool finish();
  /// With the file's name; empty for none, or where it is the target's.
  [[nodiscard]] std::string error() const { return files_ ? files_->error() : std::string(); }

 private:
  struct part {
    partition_files::file* file = nullptr;  // none where it is the target
    parquet::file_writer writer;
  };

  [[nodiscard]] part* open(const std::string& partition);
  [[nodiscard]] bool stay_small();

  std::vector<parquet::column_spec> columns_;
  parquet::writer_options options_;
  csv_target& target_;
  std::optional<partition_files> files_;  // removed, where they are not finished, after the writers
  std::map<std::string, part> parts_;
  std::size_t unseen_rows_ = 0;  // that came since memory was looked at
};

}  // namespace tcpinfo::offline

#endif
