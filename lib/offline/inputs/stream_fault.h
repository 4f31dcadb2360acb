// SPDX-License-Identifier: Apache-2.0
#ifndef TCPINFO_OFFLINE_INPUTS_STREAM_FAULT_H
#define TCPINFO_OFFLINE_INPUTS_STREAM_FAULT_H

#include <cstdint>
#include <string>
#include <system_error>

namespace tcpinfo::offline {

/// What is wrong with a stream or an archive, and what to do: a window that is too large is no
/// damage. `window` and `dictionary`: as these tell what a frame needs.
[[nodiscard]] std::string describe_fault(const std::error_code& ec, std::uint64_t window,
                                         std::uint32_t dictionary, std::int32_t max_window_log);

}  // namespace tcpinfo::offline

#endif
