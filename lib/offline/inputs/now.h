// SPDX-License-Identifier: Apache-2.0
//
// The system's clocks, in nanoseconds.
#ifndef TCPINFO_OFFLINE_INPUTS_NOW_H
#define TCPINFO_OFFLINE_INPUTS_NOW_H

#include <cstdint>

namespace tcpinfo::offline {

[[nodiscard]] std::int64_t realtime_now_ns() noexcept;
[[nodiscard]] std::int64_t monotonic_now_ns() noexcept;

/// Until a time of the monotonic clock; signals do not end it.
void sleep_until(std::int64_t monotonic_ns) noexcept;

}  // namespace tcpinfo::offline

#endif
