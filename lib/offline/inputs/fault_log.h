// SPDX-License-Identifier: Apache-2.0
#ifndef TCPINFO_OFFLINE_INPUTS_FAULT_LOG_H
#define TCPINFO_OFFLINE_INPUTS_FAULT_LOG_H

#include <cstdint>
#include <string>
#include <string_view>

#include "offline/inputs/fault.h"

namespace tcpinfo::offline {

/// Tells what is wrong with one file after the other, or with its parts (the members of a tar), and
/// counts it. One thread at a time.
class fault_log {
 public:
  /// `all`: tell each of many faults of a kind.
  fault_log(fault_callback on_fault, bool all);

  /// Another file. Call end_part() for the one before.
  void begin_file(std::string file);
  /// A part of the same file. `file`: as faults call it.
  void begin_part(std::string file);
  /// From here on numbers are those of records, as a segment has them: no line.
  void number_records() { of_records_ = true; }
  /// Tells how many faults of the part there were that were not told.
  void end_part();

  /// Tells of a fault. `line` 0: of the file as a whole. @return whether to go on.
  bool tell(std::uint64_t line, std::string_view what);
  /// Tells of something by which nothing is lost.
  void note(std::string_view what);
  /// Tells, once for a file, why an input ended, or what else is wrong below its records. An empty
  /// text is nothing.
  void tell_cause(std::uint64_t line, std::string what);
  /// The same was told as a fault of another kind.
  void cause_was_told(std::string what) { cause_ = std::move(what); }

  [[nodiscard]] const std::string& file() const noexcept { return file_; }
  /// Faults so far, told or not, over all files.
  [[nodiscard]] std::uint64_t count() const noexcept { return count_; }
  /// The callback asked to stop.
  [[nodiscard]] bool stopped() const noexcept { return stopped_; }

 private:
  fault_callback on_fault_;
  fault_limit limit_;
  std::string file_;
  std::string cause_;  // that was told
  std::uint64_t count_ = 0;
  bool of_records_ = false;
  bool stopped_ = false;
};

}  // namespace tcpinfo::offline

#endif
