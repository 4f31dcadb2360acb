// SPDX-License-Identifier: Apache-2.0
//
// Numbers that the kernel gives in place of names or of measurements.
#ifndef TCPINFO_ANALYSIS_KERNEL_VALUES_H
#define TCPINFO_ANALYSIS_KERNEL_VALUES_H

#include <cstdint>

namespace tcpinfo::analysis {

inline constexpr std::uint64_t loss_state = 4;               // tcpi_ca_state: TCP_CA_Loss
inline constexpr std::uint64_t probe_timer = 4;              // idiag_timer: zero-window probe
inline constexpr std::uint32_t never_measured = 0xffffffff;  // tcpi_min_rtt

}  // namespace tcpinfo::analysis

#endif
