// SPDX-License-Identifier: Apache-2.0
#ifndef TCPINFO_OFFLINE_INPUTS_WINDOW_LIMIT_H
#define TCPINFO_OFFLINE_INPUTS_WINDOW_LIMIT_H

#include <cstdint>

namespace tcpinfo::offline {

/// The largest zstd window read unless more is allowed, as a power of two: 32 MiB. A window of 128
/// MiB, which zstd itself takes, would by itself break the promise of 64 MiB a worker.
inline constexpr std::int32_t usual_window_log = 25;
/// The largest that zstd can be told to take: 2 GiB, or 1 GiB with 32-bit addresses.
inline constexpr std::int32_t largest_window_log = sizeof(void*) > 4 ? 31 : 30;

}  // namespace tcpinfo::offline

#endif
