// SPDX-License-Identifier: Apache-2.0
//
// The files of partitions: written a piece at a time, of which few are open, and named when all are
// whole.
#ifndef TCPINFO_OFFLINE_COMMANDS_PARTITION_FILES_H
#define TCPINFO_OFFLINE_COMMANDS_PARTITION_FILES_H

#include <sys/types.h>

#include <cstddef>
#include <filesystem>
#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/descriptor.h"

namespace tcpinfo::offline {

/// One thread at a time. What goes wrong is told by error(); after that there is no use in going
/// on.
class partition_files {
 public:
  /// A file below the folder.
  class file {
   private:
    friend class partition_files;
    std::filesystem::path path;  // empty once it has its name
    descriptor held;             // none while others are open in its place
    dev_t device = 0;
    ino_t inode = 0;
    off_t size = 0;
  };

  /// `folder`: is made where it is missing. `name`: of each file.
  partition_files(std::string folder, std::string name);
  /// Removes what has no name yet, and the folders that were made for it, where nothing else is in
  /// them.
  ~partition_files();
  partition_files(const partition_files&) = delete;
  partition_files& operator=(const partition_files&) = delete;

  /// Begins the file of a partition, "date=2026-01-31/hour=23". @return null where it cannot; it
  /// lives as long as this.
  [[nodiscard]] file* make(const std::string& partition);
  [[nodiscard]] bool write(file& to, std::string_view bytes);
  /// What was written is on the disk afterwards.
  [[nodiscard]] bool sync(file& f);
  /// Of all files. Names are on the disk afterwards.
  [[nodiscard]] bool give_names();
  /// With the file's name; empty for none.
  [[nodiscard]] const std::string& error() const { return error_; }

 private:
  [[nodiscard]] int make_folders(const std::filesystem::path& folder);
  [[nodiscard]] int create(file& f);
  [[nodiscard]] int open_again(file& f);
  [[nodiscard]] int hold(file& f);
  void make_room();
  [[nodiscard]] bool fail(const std::filesystem::path& path, int error);

  std::filesystem::path folder_;
  std::string name_;
  std::size_t most_open_;
  std::vector<std::unique_ptr<file>> files_;
  std::list<file*> open_;                    // the one used last at the end
  std::vector<std::filesystem::path> made_;  // folders, outer ones first
  std::string error_;
};

}  // namespace tcpinfo::offline

#endif
