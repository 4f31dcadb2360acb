// SPDX-License-Identifier: Apache-2.0
//
// How --max-memory is shared out.
#ifndef TCPINFO_COLLECT_WRITING_MEMORY_SHARES_H
#define TCPINFO_COLLECT_WRITING_MEMORY_SHARES_H

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace tcpinfo::collect {

/// Bytes of each writer.
struct memory_shares {
  std::size_t queue = 0;       ///< its queue's bound, a power of two
  std::size_t queue_kept = 0;  ///< what the queue may take at any time: what is more is taken off…
  std::size_t waiting = 0;     ///< …what snapshots may occupy while they wait
};

[[nodiscard]] inline memory_shares shares_of(std::uint64_t max_memory, unsigned writers) noexcept {
  // All but queues and waiting snapshots: code, netlink buffers, compressors, the flow table's
  // first tens of thousands of connections.
  constexpr std::uint64_t other = std::uint64_t{48} << 20;
  // About 30,000 snapshots, or 300 ms at 100,000 records a second.
  constexpr std::uint64_t kept = std::uint64_t{16} << 20;
  constexpr std::uint64_t least_waiting = std::uint64_t{8} << 20;
  // Seconds of the fastest sampler: a writer that is held up for longer will not catch up.
  constexpr std::uint64_t largest = std::uint64_t{1} << 30;
  const std::uint64_t queues = std::clamp(max_memory / 4, kept, largest);
  const std::uint64_t waiting = std::max(max_memory, other + kept + least_waiting) - other - kept;
  return {.queue = static_cast<std::size_t>(std::bit_floor(queues / writers)),
          .queue_kept = static_cast<std::size_t>(kept / writers),
          .waiting = static_cast<std::size_t>(waiting / writers)};
}

}  // namespace tcpinfo::collect

#endif
