// SPDX-License-Identifier: Apache-2.0
//
// Gives snapshots to the writers, and wakes these: rarely, because a wake-up costs both sides as
// much as some records, and soon enough for records to be in their file in time.
#ifndef TCPINFO_COLLECT_SAMPLING_WRITER_DISPATCH_H
#define TCPINFO_COLLECT_SAMPLING_WRITER_DISPATCH_H

#include <cstdint>
#include <memory>
#include <vector>

#include "collect/config.h"
#include "collect/os/os.h"
#include "collect/writing/wake_policy.h"
#include "collect/writing/writer.h"

namespace tcpinfo::collect {

/// One sampler's, on its thread. Throws std::bad_alloc when it is made.
class writer_dispatch {
 public:
  /// All outlive it.
  writer_dispatch(os& system, const config& settings,
                  const std::vector<std::unique_ptr<writer>>& writers)
      : system_(system), settings_(settings), writers_(writers), nudged_(writers.size(), false) {}

  /// @param may_wait whether to wait for room: else it waits for nobody
  /// @return false where the writer's queue is full
  [[nodiscard]] bool push(const snapshot_header& header, bytes_view message,
                          bool may_wait) noexcept;
  /// Wakes the writers, unless the next occasion, at `next_ns` (monotonic), is soon enough. push()
  /// wakes a writer sooner whose queue fills.
  /// @param at_once where the sampler waits for room
  void wake(std::int64_t now_ns, std::int64_t next_ns, bool at_once) noexcept;

 private:
  os& system_;
  const config& settings_;
  const std::vector<std::unique_ptr<writer>>& writers_;
  std::vector<bool> nudged_;  // woken since wake(), because their queue filled
  bool pushed_ = false;       // since the writers were woken
  std::int64_t woken_ns_ = 0;
};

}  // namespace tcpinfo::collect

#endif
