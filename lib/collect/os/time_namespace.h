// SPDX-License-Identifier: Apache-2.0
//
// In a time namespace the monotonic clock is not the kernel's own, which BPF programs read.
#ifndef TCPINFO_COLLECT_OS_TIME_NAMESPACE_H
#define TCPINFO_COLLECT_OS_TIME_NAMESPACE_H

#include <cstdint>
#include <string_view>

namespace tcpinfo::collect {

/// By how much this process's monotonic clock is ahead of the kernel's; 0 where there are no time
/// namespaces.
[[nodiscard]] std::int64_t monotonic_offset_ns() noexcept;

/// The same, of the text of /proc/PID/timens_offsets.
[[nodiscard]] std::int64_t monotonic_offset_of(std::string_view text) noexcept;

}  // namespace tcpinfo::collect

#endif
