// SPDX-License-Identifier: Apache-2.0
//
// How far the work has come, on a terminal: files, bytes, rows a second, time left.
#ifndef TCPINFO_OFFLINE_COMMANDS_CSV_PROGRESS_H
#define TCPINFO_OFFLINE_COMMANDS_CSV_PROGRESS_H

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "offline/inputs/inputs.h"

namespace tcpinfo::offline {

/// What workers count. Any thread.
struct csv_counts {
  std::atomic<std::uint64_t> files{0};  ///< done
  std::atomic<std::uint64_t> bytes{0};  ///< read, as stored
  std::atomic<std::uint64_t> rows{0};
  /// Of records, as filter_counts; set at the end of each part, or of all.
  std::atomic<std::uint64_t> seen{0};
  std::atomic<std::uint64_t> passed{0};
  std::atomic<bool> unread{false};  ///< files, or parts of them, were passed over by the filters
};

/// All there is to do; 0 where unknown.
struct csv_totals {
  std::uint64_t files = 0;
  std::uint64_t bytes = 0;
};

/// The line, without its carriage return, of at most `width` characters, `unit` being what is
/// counted: "12 of 40 files  35.2 of
/// 97.0 MB  812,345 rows/s  1m2s left", and where that does not fit "12/40  35.2/97.0MB  812k/s
/// 1m2s".
[[nodiscard]] std::string progress_line(const csv_totals& totals, std::uint64_t files,
                                        std::uint64_t bytes, std::uint64_t rows, double seconds,
                                        std::size_t width, std::string_view unit = "rows");

/// Shows a line on standard error, anew five times a second, from the second second on.
class csv_progress {
 public:
  /// Nothing is shown where `shown` is false. The totals are found out in the background, by a walk
  /// of its own.
  csv_progress(const csv_counts& counts, const std::vector<std::string>& paths,
               const walk_options& walk, bool shown, std::string_view unit = "rows");
  ~csv_progress() { stop(); }
  csv_progress(const csv_progress&) = delete;
  csv_progress& operator=(const csv_progress&) = delete;

  /// Writes a line of text to standard error, where the progress line stood, which moves down.
  void say(std::string_view line);
  /// Calls `write`, which writes whole lines to standard error, while the progress line is not
  /// there.
  void aside(const std::function<void()>& write);
  /// Removes the line; nothing is shown after.
  void stop();

 private:
  void run(const std::vector<std::string>& paths, const walk_options& walk);

  const csv_counts& counts_;
  const std::string_view unit_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool stopped_ = false;
  std::string shown_;  // what stands on the terminal, with its control characters
  std::thread thread_;
};

}  // namespace tcpinfo::offline

#endif
