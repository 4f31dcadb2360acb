// SPDX-License-Identifier: Apache-2.0
//
// What a connection's messages tell of its owner.
#ifndef TCPINFO_COLLECT_OWNERS_OWNER_CLUES_H
#define TCPINFO_COLLECT_OWNERS_OWNER_CLUES_H

#include <tcpinfo/inetdiag.h>

#include <cstdint>

namespace tcpinfo::collect {

struct owner_clues {
  std::uint64_t cookie = 0;
  std::uint64_t cgroup = 0;  ///< id of the group in which its socket was made; 0: not told
  std::uint32_t inode = 0;   ///< of its socket; 0: not told

  /// Takes what a message of the connection tells; what it does not tell stays.
  void add(const message& m) noexcept {
    cookie = m.cookie();
    if (m.inode() != 0) inode = m.inode();
    const auto group = m.find(attribute_type::cgroup_id);
    if (group && group->size() >= sizeof cgroup) cgroup = wire::load<std::uint64_t>(group->data());
  }
};

}  // namespace tcpinfo::collect

#endif
