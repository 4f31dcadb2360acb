// SPDX-License-Identifier: Apache-2.0
//
// Which sockets the event source queries in the next poll, and why: active ones, those whose stall
// times grow without events, and those that the reconciler suspects.
#ifndef TCPINFO_COLLECT_SAMPLING_EVENTS_QUERY_PLAN_H
#define TCPINFO_COLLECT_SAMPLING_EVENTS_QUERY_PLAN_H

#include <tcpinfo/inetdiag.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "collect/sampling/events/activity_feed.h"
#include "collect/sampling/events/cookie_set.h"
#include "collect/sampling/events/stall_wheel.h"

namespace tcpinfo::collect {

enum class query_reason : std::uint8_t {
  active,
  stall_time,  ///< a stall time may have grown
  suspected,   ///< by the reconciler: no event told of it
};

struct planned_query {
  socket_id id;
  query_reason why;
};

/// One thread. A poll calls begin(), the plan functions, and forget_activity(), in this order.
class query_plan {
 public:
  /// `exclude` outlives it, or is null; it may be given other rules.
  explicit query_plan(const filter* exclude) noexcept : exclude_(exclude) {}

  // Between polls.

  /// Keeps activity for the next poll. Where memory runs out the plan is incomplete.
  void add(const activity& a) noexcept;
  /// Activity since the last poll.
  [[nodiscard]] std::span<const activity> added() const noexcept { return activity_; }
  /// The next poll queries this socket once more. Where memory runs out the plan is incomplete.
  void query_again(const socket_id& id) noexcept;
  [[nodiscard]] bool has_again() const noexcept { return !again_.empty(); }
  /// The plan lacks a socket that may have changed: only a dump shows that one.
  void set_incomplete() noexcept { incomplete_ = true; }
  [[nodiscard]] bool is_incomplete() const noexcept { return incomplete_; }
  /// Whether the rules exclude its connection.
  [[nodiscard]] bool excludes(const socket_id& id) const noexcept;

  /// Keeps or forgets the socket's stall times by what its message says. `why`: why it was queried;
  /// `suspected` also for a message of a dump.
  void note_stall(const message& m, query_reason why, std::int64_t now_ns) noexcept;
  void forget_stall(std::uint64_t cookie) noexcept { stalls_.stop(cookie); }
  [[nodiscard]] const stall_wheel& stalls() const noexcept { return stalls_; }

  // A poll that queries. These throw std::bad_alloc.

  void begin() noexcept;
  /// Plans sockets that were active before the tick `tick`, which has just begun, and those to
  /// query again.
  void plan_active(std::uint32_t tick, std::int64_t now_ns);
  void plan_stalled(std::int64_t now_ns);
  /// @return false where its connection is excluded, or has no port.
  bool plan(const socket_id& id, query_reason why);
  [[nodiscard]] std::span<const planned_query> queries() const noexcept { return queries_; }
  void forget_activity() noexcept { activity_.clear(); }

  // A poll that dumps.

  /// The dump shows every socket that was to be queried again.
  void begin_dump() noexcept { again_.clear(); }
  /// Forgets the activity that the dump makes up for: all but that of `tick`, in which the dump
  /// runs.
  void replace_by_dump(std::uint32_t tick) noexcept;

 private:
  const filter* const exclude_;
  std::vector<activity> activity_;
  // Active in the running tick, which tells of each socket's first event only; or not kept.
  std::vector<socket_id> again_;
  bool incomplete_ = false;
  cookie_set planned_;
  std::vector<planned_query> queries_;
  stall_wheel stalls_;
};

}  // namespace tcpinfo::collect

#endif
