// SPDX-License-Identifier: Apache-2.0
//
// What the reconciler suspects, on its way through the polls, and what of it turns out to be a
// missed change.
#ifndef TCPINFO_COLLECT_SAMPLING_EVENTS_SUSPECT_LIST_H
#define TCPINFO_COLLECT_SAMPLING_EVENTS_SUSPECT_LIST_H

#include <tcpinfo/cache.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "collect/sampling/events/activity_feed.h"
#include "collect/sampling/events/cost_model.h"
#include "collect/sampling/events/query_plan.h"
#include "collect/sampling/events/reconciler.h"
#include "collect/sampling/source.h"

namespace tcpinfo::collect {

/// One thread. Throws std::bad_alloc where it says so, and when it is made.
class suspect_list {
 public:
  /// Both outlive it. The reconciler's dumps teach `cost` what dumps cost.
  suspect_list(reconciler& from, cost_model& cost);

  /// Adds some of the suspects to the plan, and tells the sink of those that are gone. Throws.
  /// @param flows the sink's; null: nobody knows any connection
  void plan_some(query_plan& plan, const flow_table* flows, message_sink& sink,
                 poll_report& report);
  /// The query of a suspect has shown a change.
  void note_change(std::uint64_t cookie) noexcept { changed_.push_back(cookie); }
  /// Called with the activity that was taken after those queries: a change is missed where none of
  /// it is the socket's.
  void count_missed(std::span<const activity> taken, poll_report& report) noexcept;
  /// A dump is about to show all sockets: changes seen before it are not missed.
  void begin_dump() noexcept { changed_.clear(); }
  /// A whole dump has shown every suspect that may have changed. One that is gone it did not show,
  /// which is no proof yet: that stays.
  void settle_by_dump(const flow_table* flows, poll_report& report) noexcept;
  /// Whether no suspect is left to plan.
  [[nodiscard]] bool empty() const noexcept { return next_ >= found_.suspects.size(); }

 private:
  [[nodiscard]] bool take(reconciliation& out, poll_report& report);

  reconciler& from_;
  cost_model& cost_;
  reconciliation found_;
  std::size_t next_ = 0;                // of its suspects
  std::size_t missed_ = 0;              // of them so far
  std::vector<std::uint64_t> changed_;  // of the last poll; has room for all that a poll plans
};

}  // namespace tcpinfo::collect

#endif
