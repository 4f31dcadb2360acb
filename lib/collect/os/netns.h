// SPDX-License-Identifier: Apache-2.0
//
// Network namespaces as the collector sees them: which there are, and how one is entered.
#ifndef TCPINFO_COLLECT_OS_NETNS_H
#define TCPINFO_COLLECT_OS_NETNS_H

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace tcpinfo::collect {

/// --netns takes it as well as names and paths.
inline constexpr std::string_view all_netns = "all";
/// Where `ip netns` keeps names.
inline constexpr std::string_view netns_folder = "/run/netns";

/// Tells namespaces apart as long as they exist; a number is used again after that.
struct netns_id {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  friend auto operator<=>(const netns_id&, const netns_id&) = default;
};

struct found_netns {
  netns_id id;
  /// As it was asked for, that of /run/netns, or as the kernel calls it ("net:[4026532008]").
  std::string name;
  std::string path;  ///< a file that stands for it now
};

struct netns_fault {
  std::string what;  ///< as a log line names it
  std::error_code error;
  std::string lacks = {};  ///< what could not be had, where the error does not say it
};

struct netns_findings {
  std::vector<found_netns> found;  ///< each once, the caller's own not
  std::vector<netns_fault> faults;
  /// False: others may be there, of which nothing was to be learnt.
  bool complete = true;
};

/// Looks for the namespaces that were asked for. Used by one thread.
class netns_finder {
 public:
  netns_finder() = default;
  virtual ~netns_finder() = default;
  netns_finder(const netns_finder&) = delete;
  netns_finder& operator=(const netns_finder&) = delete;

  /// All there are now. Throws std::bad_alloc.
  virtual void find(netns_findings& out) = 0;
  /// Waits until something may have changed, `stop` (a descriptor) is readable, or the monotonic
  /// time is `until_ns`.
  virtual void wait(int stop, std::int64_t until_ns) noexcept = 0;
};

/// Whether a kernel of this release numbers sockets for all namespaces together, so that no two
/// have the same UUID: Linux 5.4 and later.
[[nodiscard]] bool cookies_are_unique(std::string_view kernel_release) noexcept;

/// Whether --netns can be that: all, a name of /run/netns, or a path.
[[nodiscard]] bool is_netns_name(std::string_view text) noexcept;

}  // namespace tcpinfo::collect

#endif
