// SPDX-License-Identifier: Apache-2.0
//
// One connection on its way into files: the snapshots that wait, and where they go. Raw snapshots
// wait rather than JSON text, which is twice as large, and no compressor belongs to a connection.
#ifndef TCPINFO_COLLECT_WRITING_FLOW_LOG_H
#define TCPINFO_COLLECT_WRITING_FLOW_LOG_H

#include <cstdint>

#include "collect/writing/flow_archive.h"
#include "collect/writing/waiting_snapshots.h"

namespace tcpinfo::collect {

/// A write that failed is tried again no sooner.
inline constexpr std::int64_t write_retry_ns = 1'000'000'000;

struct flow_log : flow_archive {
  // The file now being written; it exists where file_size > 0.
  std::int64_t file_since_ns = 0;  ///< monotonic, of its first snapshot; for rotation
  std::uint64_t file_size = 0;
  std::uint64_t file_text = 0;  ///< bytes before compression
  std::uint64_t file_frames = 0;

  // Its snapshots that wait.
  waiting_snapshots waiting;
  std::uint32_t waiting_records = 0;
  std::int64_t waiting_since_ns = 0;  ///< monotonic
  std::int64_t retry_ns = 0;          ///< monotonic; after a failed write, not before

  // In the write_schedule.
  std::int64_t due_ns = 0;  ///< monotonic; of the entry that is not stale
  bool ready = false;       ///< to be written at once

  bool may_return = false;  ///< it ended, but its cookie may be seen again
  bool ended = false;       ///< nothing more will come; it waits for a write to succeed
};

}  // namespace tcpinfo::collect

#endif
