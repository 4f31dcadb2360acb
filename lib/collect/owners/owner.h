// SPDX-License-Identifier: Apache-2.0
//
// Whose a connection is.
#ifndef TCPINFO_COLLECT_OWNERS_OWNER_H
#define TCPINFO_COLLECT_OWNERS_OWNER_H

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace tcpinfo::collect {

/// How an owner was found, as metadata::owner says it. Behind `nowhere` those with a better right
/// come first.
enum class owner_found : std::uint8_t {
  nowhere,
  connect,    ///< the process called connect()
  accept,     ///< it called accept()
  io,         ///< it was the first that read or wrote
  listener,   ///< it called listen() on the connection's local port
  iter,       ///< it held the connection when the collector began
  proc,       ///< it was seen to hold the connection, in /proc
  cgroup_id,  ///< no process: the control group in which the socket was made, which the kernel
              ///< tells
};

[[nodiscard]] std::string_view owner_found_name(owner_found how) noexcept;

/// Whether nobody with a better right can be found later.
[[nodiscard]] constexpr bool is_settled(owner_found how) noexcept {
  return how == owner_found::connect || how == owner_found::accept || how == owner_found::io;
}

/// As the metadata of the connection's archives says it. Shared by the connections of a process;
/// never changes once made. Empty: not known, or not to be told.
struct connection_owner {
  owner_found how = owner_found::nowhere;
  std::string cgroup;  ///< path of the control group
  std::string pid;     ///< in decimal
  std::string comm;
  std::string executable;
};
using owner_pointer = std::shared_ptr<const connection_owner>;

/// A process as the kernel numbers it.
struct process_owner {
  owner_found how = owner_found::nowhere;
  std::uint32_t pid = 0;
  std::uint64_t start_ns = 0;  ///< of the process, CLOCK_BOOTTIME; 0: not known
  std::uint64_t cgroup = 0;    ///< id of its control group (v2); 0: not known
  std::string comm;
};

}  // namespace tcpinfo::collect

#endif
