// SPDX-License-Identifier: Apache-2.0
//
// Paths below the output directory, opened folder by folder so that no symbolic link in between is
// followed: whoever may write into the tree (or into a parent of a part of it) could otherwise lead
// the collector, which may run as root, to any file of the system.
#ifndef TCPINFO_COLLECT_OS_OUTPUT_TREE_H
#define TCPINFO_COLLECT_OS_OUTPUT_TREE_H

#include <string>
#include <system_error>

#include "collect/os/descriptor.h"

namespace tcpinfo::collect {

/// A path as the *at() system calls take it: `name` (one component) in `folder`.
struct place {
  descriptor folder;
  std::string name;
};

/// Tells which user may write to a folder that we may not, and how to become that: " (…)". Empty
/// where nothing is known.
[[nodiscard]] std::string why_not_writable(const std::string& folder);

/// Immutable; any thread.
class output_tree {
 public:
  /// The output directory itself may be, or be reached through, a symbolic link: that is the
  /// operator's choice.
  explicit output_tree(std::string root) : root_(std::move(root)) {}

  /// Finds the folder of `path`. ENOTDIR where a component is a symbolic link or no folder. A path
  /// that is not below the output directory is looked up as usual.
  [[nodiscard]] std::error_code find(const std::string& path, place& out) const;

  /// Makes the folder `path` and what is missing above it. Where it fails, what it made is gone
  /// again.
  [[nodiscard]] std::error_code make(const std::string& path, unsigned mode) const;

 private:
  const std::string root_;
};

}  // namespace tcpinfo::collect

#endif
