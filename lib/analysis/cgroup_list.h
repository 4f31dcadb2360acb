// SPDX-License-Identifier: Apache-2.0
//
// The control groups (version 2) of this machine, by the numbers that sockets tell of theirs.
#ifndef TCPINFO_ANALYSIS_CGROUP_LIST_H
#define TCPINFO_ANALYSIS_CGROUP_LIST_H

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace tcpinfo::analysis {

/// Calls `fn` with the id (the inode number of its folder) and the path of each group, beginning
/// with a slash. `mount`: where their file system is; where it is none nothing is called. Groups
/// that end meanwhile are passed over, and so are those that this process may not see. Throws
/// std::bad_alloc, and what `fn` throws.
void for_each_cgroup(const std::string& mount,
                     const std::function<void(std::uint64_t, std::string_view)>& fn);

}  // namespace tcpinfo::analysis

#endif
