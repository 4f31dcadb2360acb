// SPDX-License-Identifier: Apache-2.0
//
// How long the collector waits for a connection's destroy event.
#ifndef TCPINFO_COLLECT_SAMPLING_CLOSE_PATIENCE_H
#define TCPINFO_COLLECT_SAMPLING_CLOSE_PATIENCE_H

#include <cstdint>

namespace tcpinfo::collect {

// A dump does not show a connection for one of two reasons. It has ended, and its destroy event is
// on the way (a work item of the kernel: milliseconds when idle, but seconds were seen when
// thousands close at once). Or the dump passed it over because the chains of the kernel's table
// changed meanwhile. The collector gives both so many complete dumps and so much time before it
// queries the socket. Waiting costs nothing.
inline constexpr std::uint32_t absent_dumps = 3;
inline constexpr std::int64_t absent_time_ns = 5'000'000'000;

}  // namespace tcpinfo::collect

#endif
