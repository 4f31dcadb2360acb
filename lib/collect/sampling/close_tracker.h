// SPDX-License-Identifier: Apache-2.0
//
// Tells on evidence which connections have ended. The best evidence is the destroy event, which the
// recorder takes. Where it does not come, this finds connections that dumps do not show or whose
// TCP has ended, waits for the event, and then queries the socket: ENOENT or ESTALE is the
// evidence. See docs/design.md, "Closing on evidence".
#ifndef TCPINFO_COLLECT_SAMPLING_CLOSE_TRACKER_H
#define TCPINFO_COLLECT_SAMPLING_CLOSE_TRACKER_H

#include <tcpinfo/cache.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <system_error>
#include <vector>

#include "collect/os/os.h"
#include "collect/sampling/poll_state.h"
#include "collect/sampling/recorder.h"
#include "collect/sampling/sampler_context.h"
#include "collect/sampling/source.h"
#include "collect/telemetry/log.h"
#include "collect/telemetry/statistics.h"

namespace tcpinfo::collect {

/// One sampler's, on its thread. Times are monotonic.
class close_tracker {
 public:
  /// All outlive it.
  close_tracker(const sampler_context& context, const sampled_netns& where, const poll_state& poll,
                flow_table& table, recorder& records);
  ~close_tracker();
  close_tracker(const close_tracker&) = delete;
  close_tracker& operator=(const close_tracker&) = delete;

  /// Before the first poll. Says where the kernel refuses to tell of ends.
  void start();

  // Evidence.

  /// Reads destroy events into the sink, and counts what was lost of them.
  void drain(message_sink& sink);
  /// Whether the kernel has dropped destroy events since start().
  [[nodiscard]] bool has_lost_events() const noexcept { return overflows_ != overflows_at_start_; }
  /// The recorder has been told that the TCP of a connection ended at that time.
  void note_ended(std::uint64_t cookie, std::int64_t time_ns) noexcept;
  /// Dumps have not shown a socket for a while: it was there at `seen_ns` and no more at
  /// `absent_ns`.
  void note_absent(std::uint64_t cookie, std::int64_t seen_ns, std::int64_t absent_ns) noexcept;

  /// Before a poll. Where no end was heard of for 5 s since start(), although there was one, the
  /// kernel is taken for silent, until one is. Says so.
  void judge_silence(message_sink& sink);
  /// Whether the kernel tells of no ends, as far as is known: a connection then ends when dumps
  /// show it no more, and without final counters.
  [[nodiscard]] bool ends_unheard() const noexcept { return unheard_; }
  /// Whether that is still open.
  [[nodiscard]] bool awaits_an_end() const noexcept {
    return !unheard_ && !source_.has_heard_an_end();
  }

  // Around polls.

  /// After a loss polls have to dump: only dumps show which connections ended unheard.
  [[nodiscard]] bool needs_dumps() const noexcept { return poll_.now_ns < dump_until_ns_; }
  [[nodiscard]] bool hears_ends() const noexcept {
    return !unheard_ && !awaits_an_end() && !poll_.first && !needs_dumps();
  }
  /// The poll is to be complete.
  void begin_dump() noexcept { table_.begin_cycle(); }
  /// The poll was complete: connections that it did not show may have ended.
  void end_dump();
  /// The poll was not complete, and is evidence of no absence.
  void end_queries() noexcept;
  /// The poll failed, and is evidence of nothing.
  void end_failed_dump() noexcept { table_.end_cycle(false, poll_.now_ns, nullptr, nullptr); }
  /// Finds connections whose TCP has ended, and whose destroy event should have come by now.
  void look_for_ended() noexcept;
  /// Whether connections wait to be queried.
  [[nodiscard]] bool has_missing() const noexcept { return !missing_.empty(); }
  /// Drops those whose destroy event has come meanwhile.
  void forget_ended() noexcept;
  /// Queries connections that are missing, and ends those that do not exist.
  void confirm_missing();
  /// Keeps tombstones within this sampler's share of memory, and counts them.
  void bound_tombstones() noexcept;

 private:
  class live_sink;
  // A connection that dumps do not show, or whose TCP has ended.
  struct missing {
    std::uint64_t cookie;
    bool had_info;
    std::int64_t seen_ns;   // when it was there, at the earliest
    std::int64_t ended_ns;  // when it was there no more
  };
  struct end {
    std::uint64_t cookie;
    std::int64_t time_ns;
  };

  void set_unheard(std::error_code why);
  void add_missing(const missing& one) noexcept;
  [[nodiscard]] bool settle(const missing& lost);
  /// Events were lost after it was last seen: its destroy event may be one of them.
  [[nodiscard]] bool may_have_lost_end(const missing& one) const noexcept {
    return overflow_ns_ >= one.seen_ns;
  }
  [[nodiscard]] std::int64_t wall_ns(std::int64_t time_ns) const noexcept {
    return system_.realtime_ns() - (system_.monotonic_ns() - time_ns);
  }

  os& system_;
  statistics& counts_;
  source& source_;
  const poll_state& poll_;
  flow_table& table_;
  recorder& records_;
  const std::string where_;            // for log lines
  const std::size_t tombstone_bytes_;  // of all samplers; 0: no bound

  std::vector<missing> missing_;
  // In their order. One is stale whose destroy event has come, or that was connected again.
  std::deque<end> ends_;
  std::int64_t tombstones_aged_ns_ = 0;
  std::int64_t dump_until_ns_ = 0;
  std::int64_t overflow_ns_ = -1;        // when the latest was noticed
  std::int64_t overflow_shown_ns_ = -1;  // begin of the first whole dump after that
  bool overflow_unshown_ = false;        // there was no such dump yet
  std::int64_t overflows_ = 0;
  std::int64_t overflows_at_start_ = 0;
  std::int64_t tombstones_counted_ = 0;   // bytes of them in counts_
  std::uint64_t dropped_tombstones_ = 0;  // counted
  std::int64_t start_ns_ = 0;
  bool unheard_ = false;       // the kernel tells of no ends, and counts_ has that
  bool said_unheard_ = false;  // by this one
  log_limit unread_limit_;
  log_limit loss_limit_;
};

}  // namespace tcpinfo::collect

#endif
