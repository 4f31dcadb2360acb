// SPDX-License-Identifier: Apache-2.0
//
// Which connection of a writer is written next, and when: first those with a full frame and those
// that have ended, then those whose failed write is to be tried again, then those whose snapshots
// have waited long enough.
#ifndef TCPINFO_COLLECT_WRITING_WRITE_SCHEDULE_H
#define TCPINFO_COLLECT_WRITING_WRITE_SCHEDULE_H

#include <cstdint>
#include <deque>

#include "collect/writing/written_flows.h"

namespace tcpinfo::collect {

/// One thread's. Entries stay when a connection was written for another reason; such an entry is
/// stale, and is passed over.
class write_schedule {
 public:
  /// `flows` outlives it. `hold_ns`: how long a snapshot may wait here.
  write_schedule(written_flows& flows, std::int64_t hold_ns) noexcept
      : flows_(flows), hold_ns_(hold_ns) {}

  /// Now. Throws std::bad_alloc.
  void add_ready(flow_log& flow);
  /// When its oldest waiting snapshot is old enough, or at flow.retry_ns after a failed write.
  void add_aged(flow_log& flow) noexcept { add(aged_, flow, flow.waiting_since_ns + hold_ns_); }
  void add_retry(flow_log& flow) noexcept { add(retries_, flow, flow.retry_ns); }

  /// Where an entry found no memory: makes them anew from the connections, so that nothing that
  /// waits is forgotten. Throws std::bad_alloc.
  void repair();

  /// The connection that is to be written by now, no longer in the schedule; nullptr where there is
  /// none.
  [[nodiscard]] flow_log* next(std::int64_t now_ns);
  /// That whose snapshots wait longest, whether it is due or not; those whose write failed first.
  [[nodiscard]] flow_log* oldest();
  /// When next() will have one at the earliest, but for those that are ready; `latest` at the
  /// latest.
  [[nodiscard]] std::int64_t next_ns(std::int64_t latest) const noexcept;

 private:
  struct entry {
    std::uint64_t cookie;
    std::int64_t at_ns;  // as flow_log::due_ns, or it is stale
  };
  using entries = std::deque<entry>;

  void add(entries& to, flow_log& flow, std::int64_t at_ns) noexcept;
  [[nodiscard]] flow_log* take(entries& from, std::int64_t now_ns);

  written_flows& flows_;
  const std::int64_t hold_ns_;
  std::deque<std::uint64_t> ready_;
  // Soonest first.
  entries aged_;
  entries retries_;
  bool is_whole_ = true;
};

}  // namespace tcpinfo::collect

#endif
