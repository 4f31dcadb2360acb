// SPDX-License-Identifier: Apache-2.0
//
// Which files are read: those named, and those in directories.
#ifndef TCPINFO_OFFLINE_INPUTS_WALK_H
#define TCPINFO_OFFLINE_INPUTS_WALK_H

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "offline/inputs/fault.h"
#include "offline/inputs/window_limit.h"

namespace tcpinfo::offline {

class file_judge;

/// A file or folder, before it is opened. Valid during the call only.
struct walk_entry {
  const std::string& path;  ///< as it is opened
  std::string_view name;    ///< the last part of it
  bool is_folder = false;
  /// When it was last written to, since 1970 UTC; of a link, its target. Asks the file system: for
  /// tens of thousands of files that takes longer than to list them. nullopt where it cannot tell.
  const std::function<std::optional<std::int64_t>()>& modified_ns;
};

/// Which files of a directory are taken. A file that is named itself is taken whatever its name.
struct walk_options {
  bool captures = false;                           ///< also captures and bare netlink messages
  std::int32_t max_window_log = usual_window_log;  ///< of zstd frames that are looked into
  /// Whether to look into it, decided by what is known without opening it. Asked for each folder
  /// and each file. Absent: all of them.
  std::function<bool(const walk_entry&)> wants = {};
};

/// Lists files one at a time: those named, and those in directories named, recursively and in the
/// order of their names (bytes). Holds no more than the names in the directories it stands in.
/// Taken are archives (.jsonl, .jsonl.zst) and segments (.tcpseg, .tcpseg.zst), also with .part
/// behind, and what has another of the usual
/// endings, unless its content is sound and not ours; of the others it is told at a directory's end
/// how many there are. Hidden files (their names begin with a point) of other names are not looked
/// at, and links to directories are not followed inside a directory.
class input_walk {
 public:
  /// No path at all means standard input.
  input_walk(std::vector<std::string> paths, walk_options options, fault_callback on_fault);

  ~input_walk();
  input_walk(const input_walk&) = delete;
  input_walk& operator=(const input_walk&) = delete;

  /// The next file, "-" for standard input. @return false at the end.
  [[nodiscard]] bool next(std::string& path);

 private:
  struct level;
  void enter(const std::string& directory);
  [[nodiscard]] bool wants(const std::string& path, bool is_folder, int directory,
                           const std::string& name) const;
  void tell(const std::string& path, std::string_view what, bool note = false);
  void tell_passed();
  [[nodiscard]] bool takes(const std::string& path, std::string_view name);

  std::vector<std::string> paths_;
  walk_options options_;
  fault_callback on_fault_;
  std::size_t at_ = 0;
  std::vector<std::shared_ptr<level>> levels_;
  std::string directory_;  // the latest one that was named
  std::unique_ptr<file_judge> judge_;
  struct passed {
    std::uint64_t files = 0;
    std::string first;
  };
  passed unread_;  // archives, by their names
  passed others_;
  bool stopped_ = false;
};

}  // namespace tcpinfo::offline

#endif
