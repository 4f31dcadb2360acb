// SPDX-License-Identifier: Apache-2.0
//
// One thread's work: files in, rows out in turn.
#ifndef TCPINFO_OFFLINE_COMMANDS_CSV_WORKER_H
#define TCPINFO_OFFLINE_COMMANDS_CSV_WORKER_H

#include <atomic>
#include <memory>
#include <string_view>

#include "offline/commands/csv_progress.h"
#include "offline/commands/csv_run.h"
#include "offline/commands/csv_target.h"
#include "offline/commands/csv_turns.h"
#include "offline/commands/parquet_output.h"
#include "offline/tables/parquet_columns.h"

namespace tcpinfo::offline {

/// What workers share. Target and `lost` belong to who has the turn.
struct csv_shared {
  const csv_options& options;
  csv_target& target;
  csv_turns& turns;
  csv_progress& progress;
  csv_counts& counts;
  std::atomic<bool> lost{false};
  std::atomic<bool> aborted{false};   ///< the table is not whole
  parquet_output* parquet = nullptr;  ///< in place of the target; who has the turn uses it

  /// In turn. @return whether to go on.
  [[nodiscard]] bool tell(const input_fault& f);
};

class csv_worker {
 public:
  explicit csv_worker(csv_shared& shared);

  /// Works until there are no files left, or all is to stop. Throws what the standard library does.
  void run();

 private:
  void convert(const input_part& part);
  [[nodiscard]] bool make_room(std::size_t size);
  void row(const input_record& r);
  void parquet_row(const input_record& r);
  [[nodiscard]] bool fault(const input_fault& f);
  [[nodiscard]] bool flush();
  void count();

  // Large enough for few writes, small enough for the second-level cache.
  static constexpr std::size_t buffer_size = std::size_t{128} << 10;
  // Before its turn a worker keeps so much, about, and then waits.
  static constexpr std::size_t most_waiting = std::size_t{32} << 20;

  csv_shared& shared_;
  input_reader reader_;
  std::unique_ptr<row_maker> rows_;
  // Of Parquet, in place of the buffer.
  record_columns columns_;
  partition_namer namer_;
  partitioned_rows batches_;
  std::size_t batched_ = 0;       // rows
  std::size_t batched_text_ = 0;  // bytes of their UUIDs
  std::unique_ptr<char[]> buffer_;
  std::size_t capacity_ = buffer_size;
  std::size_t used_ = 0;
  std::size_t number_ = 0;
  bool stopped_ = false;
  std::uint64_t rows_done_ = 0;  // not yet told
  std::uint64_t bytes_told_ = 0;
};

}  // namespace tcpinfo::offline

#endif
