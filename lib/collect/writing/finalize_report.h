// SPDX-License-Identifier: Apache-2.0
//
// What making files complete comes to: counts for the summary and the metrics, and lines of the
// log, few however many files they concern.
#ifndef TCPINFO_COLLECT_WRITING_FINALIZE_REPORT_H
#define TCPINFO_COLLECT_WRITING_FINALIZE_REPORT_H

#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>

#include "collect/os/os.h"
#include "collect/telemetry/log.h"
#include "collect/telemetry/statistics.h"
#include "collect/writing/part_file.h"

namespace tcpinfo::collect {

/// The finalizer's thread, but for gave_up(): any thread.
class finalize_report {
 public:
  finalize_report(os& system, statistics& counts) : system_(system), counts_(counts) {}

  /// A step failed.
  /// @param deed as a log line names it ("cannot {deed} FILE")
  /// @return retry, or done where the file itself has been taken away, which is a loss.
  [[nodiscard]] next_step failed(const part_file& file, std::string_view deed, std::error_code ec);
  /// The same for want of memory, of which it needs none.
  void out_of_memory(const part_file& file) noexcept;
  /// The copy in large frames or blocks could not be made; the file is published as it is.
  void not_rewritten(const part_file& file, const std::error_code& ec);
  /// The file stays .part, and the next start finds it.
  void gave_up(const part_file& file) noexcept;
  void finalized(const part_file& file) noexcept;

  /// Less is in the file than was written to it.
  void shortened(const part_file& file);
  /// A leftover was cut after its last whole frame.
  void cut(std::uint64_t bytes) noexcept { leftover_bytes_cut_ += bytes; }
  /// A leftover was kept under another name.
  void set_aside(const part_file& file, std::string_view what, const std::string& kept);
  /// A leftover's records are in no complete file.
  void lost() noexcept { counts_.lost_files.add(); }

  /// Says how many leftovers have become complete, now and then: a start after a crash may come in
  /// many batches.
  /// @param last says it in any case
  void tell_leftovers(bool last) noexcept;

 private:
  os& system_;
  statistics& counts_;
  log_limit fail_limit_;
  log_limit vanish_limit_;
  log_limit give_up_limit_;
  log_limit rewrite_limit_;
  log_limit set_aside_limit_;
  log_limit leftovers_limit_;
  std::uint64_t leftovers_ = 0;
  std::uint64_t leftover_bytes_cut_ = 0;
};

}  // namespace tcpinfo::collect

#endif
