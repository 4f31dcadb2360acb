// SPDX-License-Identifier: Apache-2.0
//
// Folders of archives, reached from the folder above them and through no link: what a path says
// comes out of files that anybody may have written.
#ifndef TCPINFO_OFFLINE_PACKING_FOLDERS_H
#define TCPINFO_OFFLINE_PACKING_FOLDERS_H

#include <sys/types.h>

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "common/descriptor.h"

namespace tcpinfo::offline {

/// As files and folders of archives are made, as far as the umask allows it.
inline constexpr mode_t archive_file_mode = 0640;
inline constexpr mode_t archive_folder_mode = 0750;

/// Names in a path at most: each costs a descriptor while a tree is walked.
inline constexpr std::size_t most_names = 64;

/// Whether it leads from a folder to a file below it whatever is there: relative, no name of it
/// empty, "." or "..", or longer than file systems take, no NUL, and not too deep.
[[nodiscard]] bool is_safe_path(std::string_view path);

/// The folder part of a path, empty where there is none, and the name behind it.
[[nodiscard]] std::string_view folder_of(std::string_view path);

/// Opens the folder at `path` below `from`, an empty one being `from` itself.
/// @param make makes what is missing
/// @return without descriptor where it cannot, with errno
[[nodiscard]] descriptor open_folder(int from, std::string_view path, bool make);

/// The names in an open folder, in the order of their bytes. @return an errno.
[[nodiscard]] int list_folder(int folder, std::vector<std::string>& names);

/// Calls `each` for the names in an open folder, as they come; these may be removed meanwhile.
/// @return an errno.
[[nodiscard]] int each_name(int folder, const std::function<void(const std::string&)>& each);

/// Renames within a file system, over nothing that is there. @return an errno; EEXIST.
[[nodiscard]] int rename_to_new(int from, const std::string& name, int to,
                                const std::string& new_name);

/// Removes a tree below `from`, which may be missing. @return the errno of the first failure.
int remove_tree(int from, const std::string& name);

/// A folder that one command at a time writes to.
class output_folder {
 public:
  /// Opens it, made where it is missing, and locks it; the lock goes with the process.
  /// @return what is wrong with it; empty where nothing is
  [[nodiscard]] std::string open(const std::string& path);
  [[nodiscard]] int get() const noexcept { return fd_.get(); }
  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  /// What is in it as messages call it; itself for an empty name.
  [[nodiscard]] std::string path_of(std::string_view name) const;

 private:
  descriptor fd_;
  std::string path_;
};

}  // namespace tcpinfo::offline

#endif
