// SPDX-License-Identifier: Apache-2.0
#ifndef TCPINFO_OFFLINE_ERASING_COLLECTOR_LOCK_H
#define TCPINFO_OFFLINE_ERASING_COLLECTOR_LOCK_H

#include <string>
#include <vector>

#include "common/descriptor.h"

namespace tcpinfo::offline {

/// Keeps collectors from a file's folders: each holds a lock in the output directory that it writes
/// to.
class collector_lock {
 public:
  /// Locks the folder of the file at `path` and all those above it in which a collector has left
  /// its lock file. @return false where a collector runs there, and where that cannot be told.
  [[nodiscard]] bool take(const std::string& path);
  /// Whether none runs over the folder or file at `path`, in one above it or below it.
  /// @return what is wrong; empty where nothing is, and where there is nothing at `path`.
  [[nodiscard]] std::string refuse(const std::string& path);
  void release() { held_.clear(); }

 private:
  [[nodiscard]] bool take_from(std::string folder);
  [[nodiscard]] bool take_one(const std::string& folder);

  std::vector<descriptor> held_;
  int error_ = 0;  // of the latest that was not taken
};

}  // namespace tcpinfo::offline

#endif
