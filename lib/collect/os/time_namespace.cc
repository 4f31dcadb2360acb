// SPDX-License-Identifier: Apache-2.0
#include "collect/os/time_namespace.h"

#include <sys/stat.h>

#include <cstdio>
#include <cstring>
#include <new>
#include <string>

#include "collect/os/small_file.h"
#include "common/time_units.h"

namespace tcpinfo::collect {

// "monotonic SECONDS NANOSECONDS", of which only the seconds can be negative; other clocks have
// other lines.
std::int64_t monotonic_offset_of(std::string_view text) noexcept {
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    char line[128];
    const std::string_view whole = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (whole.size() >= sizeof line) continue;
    std::memcpy(line, whole.data(), whole.size());
    line[whole.size()] = '\0';
    long long seconds = 0;
    long long nanoseconds = 0;
    if (std::sscanf(line, "monotonic %lld %lld", &seconds, &nanoseconds) == 2)
      return std::int64_t{seconds} * ns_a_second + nanoseconds;
  }
  return 0;
}

// The offsets are those of the namespace that children get. A process that has made one and has not
// entered it (before Linux 6.3 exec did not) is in its parent's still.
std::int64_t monotonic_offset_ns() noexcept try {
  const auto inode = [](const char* path) -> ino_t {
    struct ::stat status {};
    return ::stat(path, &status) == 0 ? status.st_ino : 0;
  };
  if (inode("/proc/self/ns/time") != inode("/proc/self/ns/time_for_children")) return 0;
  std::string text;
  if (read_small_file("/proc/self/timens_offsets", 4096, text)) return 0;
  return monotonic_offset_of(text);
} catch (const std::bad_alloc&) {
  return 0;
}

}  // namespace tcpinfo::collect
