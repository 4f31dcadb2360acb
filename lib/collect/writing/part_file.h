// SPDX-License-Identifier: Apache-2.0
//
// A .part file on its way to a complete one, as the finalizer and the salvage hand it on.
#ifndef TCPINFO_COLLECT_WRITING_PART_FILE_H
#define TCPINFO_COLLECT_WRITING_PART_FILE_H

#include <cstdint>
#include <string>
#include <system_error>

namespace tcpinfo::collect {

struct part_file {
  std::string path;
  std::uint64_t size = 0;        ///< what we wrote to it; a leftover's is found by salvage
  std::uint64_t text_bytes = 0;  ///< what its frames hold; 0: not known, of a segment
  std::uint64_t frames = 0;
  std::uint64_t records = 0;  ///< 0: not known, of a leftover
  bool copied = false;        ///< a copy of its records is to be published in its place
  bool leftover = false;      ///< its writer died, or it is not as it was written: salvage first
  bool damaged = false;       ///< the copy holds its whole frames; it is set aside after that
  bool again = false;         ///< an earlier try failed
  /// It could not be synced once. The system then takes its pages for clean although the disk has
  /// not got them, and the next sync says nothing: only a copy can be believed.
  bool doubtful = false;
  std::uint64_t copy_size = 0;
  std::uint64_t copy_frames = 0;
};

/// The way of a file after one step.
enum class next_step {
  go_on,  ///< the next step
  done,   ///< nothing
  retry,  ///< all steps again, later
};

/// The name without .part.
[[nodiscard]] std::string complete_name(const part_file& file);
/// That of the copy that will replace it.
[[nodiscard]] std::string copy_name(const part_file& file);

/// Whether the content of a file is at fault, and not the reading of it.
[[nodiscard]] bool is_damage(const std::error_code& ec) noexcept;

}  // namespace tcpinfo::collect

#endif
