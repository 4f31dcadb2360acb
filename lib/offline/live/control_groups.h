// SPDX-License-Identifier: Apache-2.0
//
// Which control group (version 2) has a socket, and what its name says: a pod, a container, a unit.
#ifndef TCPINFO_OFFLINE_LIVE_CONTROL_GROUPS_H
#define TCPINFO_OFFLINE_LIVE_CONTROL_GROUPS_H

#include <tcpinfo/inetdiag.h>

#include <cstdint>
#include <string>
#include <unordered_map>

namespace tcpinfo::offline {

/// One thread's. Throws std::bad_alloc.
class control_groups {
 public:
  /// `mount`: where the file system of control groups is. Without one no group has a name.
  explicit control_groups(std::string mount = "/sys/fs/cgroup") : mount_(std::move(mount)) {}

  /// The owner of the socket that a message of the kernel is about; empty: not known.
  [[nodiscard]] std::string owner_of(const message& m);
  /// The path of a group, beginning with a slash; empty where it is not known. Groups that are new
  /// are found within two seconds.
  [[nodiscard]] std::string path_of(std::uint64_t id);

 private:
  const std::string mount_;
  std::unordered_map<std::uint64_t, std::string> paths_;  // by id
  std::int64_t next_walk_ns_ = 0;                         // monotonic
};

/// What people call the group of that path: pod and container (12 digits of its id), the unit, or
/// else the path.
[[nodiscard]] std::string short_name(const std::string& path);

}  // namespace tcpinfo::offline

#endif
