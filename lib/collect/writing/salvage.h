// SPDX-License-Identifier: Apache-2.0
//
// Makes something of what a former run left, or of a file that is not as it was written. No record
// that can be read is given up, and no byte of a damaged file.
#ifndef TCPINFO_COLLECT_WRITING_SALVAGE_H
#define TCPINFO_COLLECT_WRITING_SALVAGE_H

#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "collect/os/os.h"
#include "collect/writing/finalize_report.h"
#include "collect/writing/part_file.h"
#include "collect/writing/sequence_index.h"

namespace tcpinfo::collect {

/// Removes the files of a former run that hold no record, and copies that were not finished.
/// @return the others, for the finalizer. Throws std::bad_alloc.
[[nodiscard]] std::vector<part_file> take_leftovers(os& system, unfinished_files unfinished);

/// Steps of the finalizer, on its thread. Throws std::bad_alloc.
class salvage {
 public:
  /// Both outlive it.
  salvage(os& system, finalize_report& report) : system_(system), report_(report) {}

  /// Looks what is in the file, and sets its size and frames.
  ///
  /// - Only whole frames: nothing changes.
  /// - The last frame is cut short: the file is cut before it, which destroys nothing that could be
  ///   read.
  /// - A damaged frame, or something that is no archive: the whole frames before it are copied, to
  ///   be published in its place, and the file is set aside after that. Where there are none it is
  ///   set aside at once.
  [[nodiscard]] next_step examine(part_file& file);

  /// The complete file's name is taken. By the same records where a crash, or a failure, came
  /// between making that file and taking this one away: then nothing else in this one is needed
  /// unless it is damaged. No record is given up for that name.
  [[nodiscard]] next_step resolve(part_file& file);

  /// Renames the file, with all its bytes: tcpinfo-csv reads what can be read of them.
  /// @param what as a log line says of it
  [[nodiscard]] next_step set_aside(const part_file& file, std::string_view what);

 private:
  struct found_frames;
  [[nodiscard]] std::error_code look(const std::string& path, found_frames& out);
  [[nodiscard]] std::error_code copy_frames(const part_file& file);

  os& system_;
  finalize_report& report_;
};

}  // namespace tcpinfo::collect

#endif
