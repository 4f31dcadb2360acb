// SPDX-License-Identifier: Apache-2.0
//
// Where the file lies that a connection is being written to.
#ifndef TCPINFO_COLLECT_WRITING_ARCHIVE_PATH_H
#define TCPINFO_COLLECT_WRITING_ARCHIVE_PATH_H

#include <tcpinfo/archive.h>

#include <string>
#include <string_view>

#include "collect/writing/flow_archive.h"
#include "collect/writing/uuid_prefixes.h"

namespace tcpinfo::collect {

/// One thread's. Keeps its memory from one connection to the next.
class archive_path {
 public:
  /// Both outlive it.
  archive_path(const std::string& output, const uuid_prefixes& prefixes)
      : output_(output), prefixes_(prefixes) {}

  /// From here on the paths are those of that connection's file. Throws std::bad_alloc.
  void set(const flow_archive& flow);
  /// Where it lies below the output directory.
  [[nodiscard]] std::string_view relative() const noexcept {
    return std::string_view(complete_).substr(output_.size() + 1);
  }
  /// Of the complete file, of the same while it is written, and of the folder of both.
  [[nodiscard]] const std::string& complete() const noexcept { return complete_; }
  [[nodiscard]] const std::string& part() const noexcept { return part_; }
  [[nodiscard]] const std::string& folder() const noexcept { return folder_; }

  /// Valid until the next call.
  [[nodiscard]] std::string_view uuid_of(const flow_archive& flow);

 private:
  const std::string& output_;
  const uuid_prefixes& prefixes_;
  char uuid_[max_uuid_size];
  std::string complete_;
  std::string part_;
  std::string folder_;
};

}  // namespace tcpinfo::collect

#endif
