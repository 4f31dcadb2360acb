// SPDX-License-Identifier: Apache-2.0
#include "offline/packing/packed_removal.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "common/message_of.h"
#include "offline/inputs/file_names.h"
#include "offline/packing/folders.h"

namespace tcpinfo::offline {
namespace {

std::string shown_folder(std::string_view file) {
  const std::string_view folder = folder_of(file);
  if (!folder.empty()) return std::string(folder);
  return file.starts_with('/') ? "/" : ".";
}

descriptor open_plain(const std::string& folder) {
  return descriptor(open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

}  // namespace

bool packed_removal::may_remove(std::string_view name) {
  name = base_name(name);
  return is_archive_name(name) && !name.ends_with(".part");
}

void packed_removal::remove(const std::string& file, const std::string& top,
                            std::uint64_t identity) {
  const std::string folder = shown_folder(file);
  if (folder != folder_) finish();
  const descriptor at = open_plain(folder);
  if (!at) return told_(file, message_of(errno), false);
  const std::string name(base_name(file));
  struct stat st {};
  if (fstatat(at.get(), name.c_str(), &st, AT_SYMLINK_NOFOLLOW) != 0)
    return told_(file, message_of(errno), false);
  if (S_ISLNK(st.st_mode)) return told_(file, "a link: not removed", true);
  if (identity_of(st) != identity)
    return told_(file, "changed since it was packed: not removed", false);
  if (unlinkat(at.get(), name.c_str(), 0) != 0) return told_(file, message_of(errno), false);
  folder_ = folder;
  top_ = top;
  ++removed_;
}

void packed_removal::finish() {
  if (folder_.empty()) return;
  std::string folder = std::exchange(folder_, {});
  const descriptor at = open_plain(folder);
  // A file that comes back after a power cut is found in the segment once more, and removed then.
  if (!at || fsync(at.get()) != 0) told_(folder, message_of(errno), false);
  while (!top_.empty() && folder.size() > top_.size() && folder.starts_with(top_)) {
    if (rmdir(folder.c_str()) != 0) {
      if (errno != ENOTEMPTY && errno != EEXIST) told_(folder, message_of(errno), false);
      return;
    }
    folder.resize(folder_of(folder).size());
    const descriptor above = open_plain(folder);
    if (!above || fsync(above.get()) != 0) told_(folder, message_of(errno), false);
  }
}

}  // namespace tcpinfo::offline
