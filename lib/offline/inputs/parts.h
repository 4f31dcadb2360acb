// SPDX-License-Identifier: Apache-2.0
//
// What is read of files, a part at a time: all of a file, or of a segment that has an index the
// blocks alone that may hold what is wanted.
#ifndef TCPINFO_OFFLINE_INPUTS_PARTS_H
#define TCPINFO_OFFLINE_INPUTS_PARTS_H

#include <tcpinfo/segment.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "offline/inputs/held_file.h"
#include "offline/inputs/walk.h"

namespace tcpinfo::offline {

struct input_part {
  std::string path;
  /// Of a segment: what is read of it, whole blocks in their order. Empty: all of the file.
  std::vector<file_range> ranges = {};
  /// Where there are ranges, the file that has them: another one may come to its path meanwhile.
  std::shared_ptr<const held_file> file = {};
  bool last = true;  ///< of its file
  /// Bytes of the file that are in no part; with the last one.
  std::uint64_t passed_bytes = 0;
};

struct part_options {
  /// Which records are wanted: by cookie, `since` and `until`. The rest of it is not looked at.
  segment_selection wanted = {};
  /// Bytes of a segment that are one part, as far as blocks allow; 0: each file is one. What is
  /// known of a connection in one part is not known in the next one.
  std::uint32_t most_bytes = 0;
  /// Set where blocks are passed over; may be null.
  std::atomic<bool>* passed = nullptr;
};

/// Divides the files of a walk into parts. One thread at a time.
class part_walk {
 public:
  /// The walk must outlive it.
  part_walk(input_walk& files, const part_options& options) : files_(files), options_(options) {}

  /// The next part. Files of which nothing is wanted have none. @return false at the end.
  [[nodiscard]] bool next(input_part& out);

 private:
  [[nodiscard]] bool limits() const noexcept;
  [[nodiscard]] bool is_outside(const segment_contents& all) const noexcept;
  [[nodiscard]] bool divide(const std::string& path);

  input_walk& files_;
  part_options options_;
  std::string path_;  // of the file that is divided
  std::shared_ptr<const held_file> file_;
  std::vector<file_range> ranges_;  // of it
  std::size_t at_ = 0;
  bool together_ = false;  // all ranges are one part
  std::uint64_t passed_bytes_ = 0;
};

}  // namespace tcpinfo::offline

#endif
