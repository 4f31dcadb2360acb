// SPDX-License-Identifier: Apache-2.0
//
// What is counted of one target of --publish. Written by its publisher, read by any thread.
#ifndef TCPINFO_COLLECT_TELEMETRY_PUBLISH_COUNTS_H
#define TCPINFO_COLLECT_TELEMETRY_PUBLISH_COUNTS_H

#include <atomic>
#include <cstdint>
#include <string>

#include "collect/telemetry/statistics.h"

namespace tcpinfo::collect {

struct publish_counts {
  explicit publish_counts(std::string name) : target(std::move(name)) {}

  const std::string target;  ///< publish_url::name
  counter messages;          ///< blocks, or whole segments, that were acknowledged
  counter bytes;             ///< of these, as compressed
  counter duplicates;        ///< of these those that the target had already, as it said
  counter faults;            ///< tries that failed; each is repeated
  counter resent;            ///< of the messages, those that were sent before in this run
  counter damaged;           ///< stretches without a whole block, that were passed over
  counter too_large;         ///< blocks that the target refuses for their size, passed over
  counter unreadable;        ///< segments that the disk does not give, passed over in this run
  counter gone;              ///< segments removed before all of them was acknowledged
  std::atomic<std::uint64_t> lag_bytes{0};  ///< in the output directory, not acknowledged
  /// Monotonic; when all that was in the output directory had been acknowledged the last time.
  std::atomic<std::int64_t> level_ns{0};
};

}  // namespace tcpinfo::collect

#endif
