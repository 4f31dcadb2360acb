// SPDX-License-Identifier: Apache-2.0
//
// From the id of a control group (v2) to its path.
#ifndef TCPINFO_COLLECT_OWNERS_CGROUP_PATHS_H
#define TCPINFO_COLLECT_OWNERS_CGROUP_PATHS_H

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>

#include "collect/os/descriptor.h"

namespace tcpinfo::collect {

/// Where the file system of control groups (v2) is mounted, by the text of /proc/self/mountinfo;
/// empty where it is not.
[[nodiscard]] std::string find_cgroup_mount(std::string_view mountinfo);

/// Without the addresses in names of services that systemd starts for each connection (Accept=yes):
/// of "sshd@0-10.0.0.1:22-10.0.0.2:50000.service" "sshd@.service". May throw std::bad_alloc.
[[nodiscard]] std::string without_addresses(std::string_view path);

/// One thread at a time. Throws std::bad_alloc.
class cgroup_paths {
 public:
  cgroup_paths();

  /// Beginning with a slash; empty where it cannot be told: there are no control groups (v2), this
  /// process may not ask, or the group has gone before it was ever asked for. Groups that were
  /// found are remembered.
  [[nodiscard]] std::string path_of(std::uint64_t id);

 private:
  [[nodiscard]] std::string ask(std::uint64_t id);
  void look_at_all();

  std::string mount_;
  descriptor root_;
  bool may_ask_ = true;  // for a group by its id; else all of them are walked through
  std::chrono::steady_clock::time_point next_look_;
  std::unordered_map<std::uint64_t, std::string> known_;
};

}  // namespace tcpinfo::collect

#endif
