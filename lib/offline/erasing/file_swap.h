// SPDX-License-Identifier: Apache-2.0
//
// Puts a new file in the place of an old one, or removes it, so that either all of the change is
// there or none.
#ifndef TCPINFO_OFFLINE_ERASING_FILE_SWAP_H
#define TCPINFO_OFFLINE_ERASING_FILE_SWAP_H

#include <sys/stat.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "common/descriptor.h"

namespace tcpinfo::offline {

/// The name of the new file, in the folder of the old one, until it is in its place.
inline constexpr std::string_view swap_name = ".tcpinfo-erase";

/// One file after the other. The folder of the file is locked meanwhile, as pack and unpack lock
/// theirs.
class file_swap {
 public:
  file_swap() = default;
  ~file_swap() { discard(); }
  file_swap(const file_swap&) = delete;
  file_swap& operator=(const file_swap&) = delete;

  /// Locks the folder of the file at `path`, and looks at the file. @return what is wrong; empty
  /// where nothing is.
  [[nodiscard]] std::string begin(const std::string& path);
  /// Makes the new file, of which mode and owners are the old one's as far as we may.
  /// @return an errno.
  [[nodiscard]] int create();
  /// To write to, and to read from.
  [[nodiscard]] int fd() const noexcept { return file_.get(); }
  [[nodiscard]] std::string new_path() const;
  /// Names that the old file has in the file system.
  [[nodiscard]] std::uint64_t links() const noexcept { return about_.st_nlink; }

  /// Makes the new file stable and puts it in the place of the old one, which is that of
  /// `identity`; its time of writing is that one's. @return what is wrong; empty where nothing is.
  [[nodiscard]] std::string replace(std::uint64_t identity);
  /// Removes the old file in its place. @return the same.
  [[nodiscard]] std::string remove(std::uint64_t identity);
  /// Removes the new file, if it is not in its place, and gives up the folder.
  void discard();

  /// Removes what an earlier run left in the folder of `path`, its own name included.
  /// @return what is wrong; empty where nothing is.
  [[nodiscard]] std::string remove_leftover(const std::string& path);

 private:
  [[nodiscard]] std::string lock(const std::string& path);
  [[nodiscard]] std::string check(std::uint64_t identity) const;

  std::string folder_path_;
  std::string name_;
  descriptor folder_;
  descriptor file_;
  bool made_ = false;
  struct stat about_ {};
};

}  // namespace tcpinfo::offline

#endif
