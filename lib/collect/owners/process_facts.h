// SPDX-License-Identifier: Apache-2.0
//
// What /proc tells of a process while it lives.
#ifndef TCPINFO_COLLECT_OWNERS_PROCESS_FACTS_H
#define TCPINFO_COLLECT_OWNERS_PROCESS_FACTS_H

#include <cstdint>
#include <string>
#include <string_view>

namespace tcpinfo::collect {

/// What a file of /proc says; of a process that ends meanwhile what it said before, or nothing.
/// Throws std::bad_alloc, and nothing else.
[[nodiscard]] std::string proc_text(const std::string& file);

/// The path of the control group by the text of /proc/PID/cgroup: that of version 2, and where it
/// is the root, as it is where programs are put into groups of version 1, that of systemd's
/// hierarchy or of the first controller that has another. Empty where there is none.
[[nodiscard]] std::string_view cgroup_of(std::string_view text) noexcept;

/// When the process began, by the text of /proc/PID/stat, in clock ticks since the machine was
/// booted; 0 where it does not say so.
[[nodiscard]] std::uint64_t start_ticks_of(std::string_view stat) noexcept;

struct process_facts {
  bool found = false;
  std::string comm;
  std::string cgroup;
  std::string executable;  ///< empty where this process may not ask
};

/// Of the process with that number, if it began at that time (CLOCK_BOOTTIME, 0: whenever it
/// did). Its command line is never read. Throws std::bad_alloc.
[[nodiscard]] process_facts facts_of(std::uint32_t pid, std::uint64_t start_ns);

/// Whether /proc numbers processes as the kernel does: not in a container with process numbers of
/// its own.
[[nodiscard]] bool sees_all_processes() noexcept;

}  // namespace tcpinfo::collect

#endif
