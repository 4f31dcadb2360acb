// SPDX-License-Identifier: Apache-2.0
//
// The sender's windows and buffers: the peer's window, its reader, the send buffer.
#ifndef TCPINFO_ANALYSIS_WHY_WINDOWS_H
#define TCPINFO_ANALYSIS_WHY_WINDOWS_H

#include "analysis/why/life.h"
#include "analysis/why/report.h"

namespace tcpinfo::analysis::why {

/// Bytes that the peer's window shrank by in a round, but for what out-of-order segments took.
[[nodiscard]] std::uint64_t window_falls(const life& l, std::size_t i) noexcept;
/// Whether around a round the window falls by what arrives. The peer's kernel then waits with its
/// acknowledgements, so that round trips look longer though no queue is there.
[[nodiscard]] bool is_window_falling(const life& l, std::size_t i) noexcept;
/// Why the peer's window stalled each round that it did: peer_window or peer_reads_slowly.
[[nodiscard]] labels window_causes(const life& l);
/// Whether nearly all of a round's busy time is the window's, or the buffer's.
[[nodiscard]] bool is_of_window(const split& s) noexcept;
[[nodiscard]] bool is_of_buffer(const split& s) noexcept;

void explain_window(const life& l, phase& p);
void explain_buffer(const life& l, phase& p);

}  // namespace tcpinfo::analysis::why

#endif
