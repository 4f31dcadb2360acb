// SPDX-License-Identifier: Apache-2.0
//
// The sampling loop of one network namespace: at each tick one poll of the source, the flow table
// decides what is news, news goes into the writers' rings. It never waits for a writer, and ends a
// connection only on evidence.
#ifndef TCPINFO_COLLECT_SAMPLING_SAMPLER_H
#define TCPINFO_COLLECT_SAMPLING_SAMPLER_H

#include <tcpinfo/cache.h>

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "collect/config.h"
#include "collect/os/os.h"
#include "collect/sampling/attendant.h"
#include "collect/sampling/cpu_budget.h"
#include "collect/sampling/current_exclusions.h"
#include "collect/sampling/detached_flows.h"
#include "collect/sampling/flow_listener.h"
#include "collect/sampling/make_source.h"
#include "collect/sampling/poll_observer.h"
#include "collect/sampling/source.h"
#include "collect/telemetry/log.h"
#include "collect/telemetry/observations.h"
#include "collect/telemetry/statistics.h"
#include "collect/writing/sequence_index.h"
#include "collect/writing/uuid_prefixes.h"
#include "collect/writing/writer.h"

namespace tcpinfo::collect {

/// What all samplers share; outlives them.
struct sampler_context {
  os& system;
  source_maker& sources;
  const config& settings;
  const shared_exclusions& unwanted;
  const uuid_prefixes& prefixes;
  const sequence_index& earlier;
  const std::vector<std::unique_ptr<writer>>& writers;
  statistics& counts;
  observations& seen;
  flow_listener* listener;  ///< or null
  /// Monotonic, of tick 0: polls have the same numbers at the same time, whoever does them.
  std::int64_t start_ns;
  /// Memory for remembered cookies of closed connections, of all samplers; 0: no bound.
  std::size_t tombstone_bytes = 0;
};

/// What one of them samples; outlives it.
struct sampled_netns {
  std::uint32_t number = 0;  ///< in the netns_registry
  std::string name;          ///< empty: the collector's own
  current_exclusions& unwanted;
  source& from;  ///< open; its filter is that of `unwanted`
};

class sampler final : private message_sink {
 public:
  sampler(const sampler_context& context, const sampled_netns& where)
      : system_(context.system),
        settings_(context.settings),
        prefixes_(context.prefixes),
        earlier_(context.earlier),
        writers_(context.writers),
        counts_(context.counts),
        observed_(context.seen),
        listener_(context.listener),
        start_ns_(context.start_ns),
        tombstone_room_(context.tombstone_bytes),
        netns_(where.number),
        where_(where.name.empty() ? std::string() : " in network namespace " + where.name),
        unwanted_(where.unwanted),
        source_(where.from),
        polls_observed_(context.seen),
        budget_(context.settings.cpu_budget, context.settings.interval_ns) {}

  /// Runs until the attendant ends it.
  /// @return the error of the very first poll: then nothing can be recorded at all. Later faults
  /// are counted and said, and the loop goes on.
  [[nodiscard]] std::error_code run(attendant& company);

  ~sampler() override;
  sampler(const sampler&) = delete;
  sampler& operator=(const sampler&) = delete;

  /// Time from one poll to the next. After run().
  [[nodiscard]] const duration_histogram& intervals() const noexcept { return intervals_; }

 private:
  struct pending_final {
    std::vector<std::byte> bytes;
    std::int64_t time_ns;
  };
  // A connection that is not shown any more. Times are monotonic.
  struct missing {
    std::uint64_t cookie;
    bool had_info;
    std::int64_t seen_ns;   // when it was there, at the earliest
    std::int64_t ended_ns;  // when it was there no more
  };
  // What events have told of a connection and no record has yet. Since 1970 but for the last.
  struct told {
    std::int64_t opened_ns = 0;
    std::int64_t ended_ns = 0;
    std::int64_t ended_monotonic_ns = 0;
  };
  struct end {
    std::uint64_t cookie;
    std::int64_t time_ns;  // monotonic
  };
  class settling;

  void on_datagram() noexcept override { read_ns_ = system_.realtime_ns(); }
  void on_socket(const message& m) noexcept override;
  void on_destroyed(const message& m) noexcept override;
  void on_opening(std::uint64_t cookie, std::int64_t time_ns) noexcept override;
  void on_ended(std::uint64_t cookie, std::int64_t time_ns) noexcept override;
  bool on_checked(const message& m) noexcept override;
  void on_absent(std::uint64_t cookie, std::int64_t seen_ns,
                 std::int64_t absent_ns) noexcept override;
  [[nodiscard]] bool must_repeat() noexcept override { return std::exchange(repeat_, false); }
  void on_expected(std::uint64_t cookie) noexcept override { table_.expect(cookie); }
  [[nodiscard]] bool knows(std::uint64_t cookie) const noexcept override;

  /// The change that it is to the table; none where it is not recorded.
  flow_change look_at(const message& m) noexcept;
  /// What events have told of it; nothing where none has.
  [[nodiscard]] told told_of(std::uint64_t cookie) const noexcept;
  void forget_opening(std::uint64_t cookie) noexcept;
  void add_missing(const missing& one) noexcept;
  void look_for_ended() noexcept;
  [[nodiscard]] bool may_have_lost_end(const missing& one) const noexcept {
    return overflow_ns_ >= one.seen_ns;
  }
  void note_overflow() noexcept;
  /// Monotonic to since 1970.
  [[nodiscard]] std::int64_t wall_ns(std::int64_t time_ns) const noexcept {
    return system_.realtime_ns() - (system_.monotonic_ns() - time_ns);
  }
  [[nodiscard]] bool opens_nothing(const message& m) noexcept;
  void forget_minis() noexcept;
  [[nodiscard]] std::error_code poll_once();
  void drain_events();
  void retry_pending() noexcept;
  void look_for_missing();
  void confirm_missing();
  [[nodiscard]] bool settle(const missing& lost);
  [[nodiscard]] bool wait_for_tick(std::uint64_t& tick, attendant& company);
  [[nodiscard]] std::int64_t rest() noexcept;
  void end_rest(std::uint64_t& due, std::uint64_t tick) noexcept;
  void await_last_events();
  void finish();
  void tell_opened(const socket_id& id, std::int64_t time_ns) noexcept;
  void tell_closed(std::uint64_t cookie, std::int64_t time_ns) noexcept;
  void tell_moved(const socket_id& id, std::int64_t time_ns) noexcept;
  [[nodiscard]] snapshot_header header_of(const message& m, std::int64_t time_ns) const noexcept;
  [[nodiscard]] bool push_gone(std::uint64_t cookie) noexcept;
  [[nodiscard]] bool restore(const detached_flows::flow& held) noexcept;
  void set_detached_count() noexcept;
  void share_tombstone_room() noexcept;
  [[nodiscard]] std::uint64_t tick_at(std::int64_t now_ns) const noexcept;
  [[nodiscard]] std::int64_t time_of(std::uint64_t tick) const noexcept {
    return start_ns_ + static_cast<std::int64_t>(tick) * settings_.interval_ns;
  }
  void forget_unwanted();
  [[nodiscard]] std::uint64_t next_tick(std::uint64_t tick);
  void count_missed(std::uint64_t ticks);
  [[nodiscard]] bool record(const flow_update& update, std::int64_t time_ns,
                            std::uint64_t poll) noexcept;
  [[nodiscard]] bool record_final(const message& m, std::int64_t time_ns) noexcept;
  [[nodiscard]] bool push(const snapshot_header& header, bytes_view message) noexcept;
  void wake_writers(std::int64_t next_ns) noexcept;
  void say_failed_poll(const std::error_code& ec);
  void say_ends_unheard();
  void say_no_reconciler(const std::error_code& ec);

  os& system_;
  const config& settings_;
  const uuid_prefixes& prefixes_;
  const sequence_index& earlier_;
  const std::vector<std::unique_ptr<writer>>& writers_;
  statistics& counts_;
  observations& observed_;
  flow_listener* const listener_;
  const std::int64_t start_ns_;
  const std::size_t tombstone_room_;
  const std::uint32_t netns_;
  const std::string where_;  // for log lines
  current_exclusions& unwanted_;
  source& source_;

  poll_observer polls_observed_;
  // Not yet counted where all threads read.
  std::uint64_t sockets_seen_ = 0;
  std::uint64_t snapshots_taken_ = 0;
  cpu_budget budget_;
  flow_table table_;
  std::uint64_t poll_ = 0;    // number of the running poll, from 1, missed ticks included
  std::int64_t now_ns_ = 0;   // monotonic
  std::int64_t read_ns_ = 0;  // since 1970, when what comes now was read
  bool pushed_ = false;       // since writers were woken
  std::int64_t woken_ns_ = 0;
  std::vector<bool> nudged_;  // writers told this poll that their ring fills
  std::vector<missing> missing_;
  std::unordered_map<std::uint64_t, told> told_;
  std::deque<end> ends_;  // in their order; those whose destroy event has come are stale
  // Mini sockets that opened nothing, and when the last walk has shown them; monotonic.
  std::unordered_map<std::uint64_t, std::int64_t> minis_;
  std::int64_t minis_looked_ns_ = 0;
  detached_flows detached_;
  std::int64_t detached_counted_ = 0;  // of them in counts_
  std::int64_t closed_aged_ns_ = 0;
  std::int64_t walk_until_ns_ = 0;
  bool must_walk_ = true;  // the next poll looks at every socket
  std::deque<pending_final> pending_;
  std::size_t pending_bytes_ = 0;
  std::int64_t overflow_ns_ = -1;        // monotonic, when the latest was noticed
  std::int64_t overflow_shown_ns_ = -1;  // begin of the first whole walk after that
  bool overflow_unshown_ = false;        // there was no such walk yet
  std::int64_t overflows_ = 0;
  std::int64_t overflows_at_start_ = 0;
  duration_histogram intervals_;
  std::uint64_t idle_ticks_ = 0;
  bool first_look_ = true;
  bool may_be_old_ = true;            // what this poll shows for the first time
  bool repeat_ = false;               // the message just seen was not kept
  bool refused_ = false;              // one of this poll was not
  bool asked_for_ = false;            // the attendant's descriptor was readable
  bool ending_ = false;               // this poll is the last
  bool must_forget_ = false;          // the exclusions are new
  std::int64_t window_begin_ns_ = 0;  // of what follows
  std::uint64_t window_missed_ = 0;   // ticks
  bool window_said_ = false;
  std::int64_t poll_duration_ns_ = 0;
  log_limit poll_limit_;
  bool said_no_reconciler_ = false;
  std::int64_t tombstones_counted_ = 0;   // bytes of them in counts_
  std::uint64_t dropped_tombstones_ = 0;  // counted
  bool unheard_ = false;                  // no ends are told, and that is counted
  log_limit unread_limit_;
  log_limit loss_limit_;
  log_limit tick_limit_{60'000'000'000};
};

}  // namespace tcpinfo::collect

#endif
