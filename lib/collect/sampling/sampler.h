// SPDX-License-Identifier: Apache-2.0
//
// The sampling loop of one network namespace: at each tick one poll of the source. The recorder
// decides what becomes a record, the close tracker which connections have ended. The loop never
// waits for a writer.
#ifndef TCPINFO_COLLECT_SAMPLING_SAMPLER_H
#define TCPINFO_COLLECT_SAMPLING_SAMPLER_H

#include <tcpinfo/cache.h>
#include <tcpinfo/internal/expected_flow.h>

#include <cstdint>
#include <string>
#include <system_error>

#include "collect/config.h"
#include "collect/os/os.h"
#include "collect/sampling/attendant.h"
#include "collect/sampling/close_tracker.h"
#include "collect/sampling/cpu_budget.h"
#include "collect/sampling/current_exclusions.h"
#include "collect/sampling/poll_observer.h"
#include "collect/sampling/poll_state.h"
#include "collect/sampling/recorder.h"
#include "collect/sampling/sampler_context.h"
#include "collect/sampling/source.h"
#include "collect/telemetry/log.h"
#include "collect/telemetry/observations.h"
#include "collect/telemetry/statistics.h"

namespace tcpinfo::collect {

class sampler final : private message_sink {
 public:
  sampler(const sampler_context& context, const sampled_netns& where)
      : system_(context.system),
        settings_(context.settings),
        counts_(context.counts),
        observed_(context.seen),
        start_ns_(context.start_ns),
        where_(where.said()),
        unwanted_(where.unwanted),
        source_(where.from),
        polls_observed_(context.seen),
        budget_(context.settings.cpu_budget, context.settings.interval_ns),
        records_(context, where, poll_, polls_observed_, table_),
        closes_(context, where, poll_, table_, records_) {}

  /// Runs until the attendant ends it.
  /// @return the error of the very first poll: then nothing can be recorded at all. Later faults
  /// are counted and said, and the loop goes on.
  [[nodiscard]] std::error_code run(attendant& company);

  sampler(const sampler&) = delete;
  sampler& operator=(const sampler&) = delete;

  /// Time from one poll to the next. After run().
  [[nodiscard]] const duration_histogram& intervals() const noexcept { return intervals_; }

 private:
  // What the source delivers goes to whom it concerns.
  void on_datagram() noexcept override { records_.on_datagram(); }
  socket_outcome on_socket(const message& m) noexcept override { return records_.on_socket(m); }
  void on_destroyed(const message& m) noexcept override { records_.on_destroyed(m); }
  void on_opening(std::uint64_t cookie, std::int64_t time_ns) noexcept override {
    records_.on_opening(cookie, time_ns);
  }
  void on_ended(std::uint64_t cookie, std::int64_t time_ns) noexcept override {
    records_.on_ended(cookie, time_ns);
    if (records_.told_of(cookie).ended_monotonic_ns == time_ns) closes_.note_ended(cookie, time_ns);
  }
  void on_absent(std::uint64_t cookie, std::int64_t seen_ns,
                 std::int64_t absent_ns) noexcept override {
    closes_.note_absent(cookie, seen_ns, absent_ns);
  }

  // One poll.
  [[nodiscard]] std::error_code poll_once();
  void count(const poll_report& report) noexcept;
  void drain_events();
  void await_last_events();
  void finish();
  void say_failed_poll(const std::error_code& ec);
  void say_no_reconciler(const std::error_code& ec);

  // From one to the next.
  [[nodiscard]] std::uint64_t tick_at(std::int64_t now_ns) const noexcept;
  [[nodiscard]] std::int64_t time_of(std::uint64_t tick) const noexcept {
    return start_ns_ + static_cast<std::int64_t>(tick) * settings_.interval_ns;
  }
  void begin_tick(std::uint64_t tick, attendant& company);
  [[nodiscard]] std::uint64_t next_tick(std::uint64_t tick);
  void count_missed(std::uint64_t ticks);
  [[nodiscard]] bool wait_for_tick(std::uint64_t& tick, attendant& company);
  [[nodiscard]] std::int64_t rest() noexcept;
  void end_rest(std::uint64_t& due, std::uint64_t tick) noexcept;

  os& system_;
  const config& settings_;
  statistics& counts_;
  observations& observed_;
  const std::int64_t start_ns_;
  const std::string where_;  // for log lines
  current_exclusions& unwanted_;
  source& source_;

  poll_state poll_;
  poll_observer polls_observed_;
  cpu_budget budget_;
  flow_table table_;
  recorder records_;
  close_tracker closes_;

  bool must_dump_ = true;           // the next poll shows every socket
  bool must_end_excluded_ = false;  // the exclusions are new
  bool asked_for_ = false;          // the attendant's descriptor was readable
  duration_histogram intervals_;
  std::int64_t previous_ns_ = 0;  // begin of the last poll, or of an idle tick after it
  std::uint64_t idle_ticks_ = 0;
  std::int64_t poll_duration_ns_ = 0;
  std::int64_t window_begin_ns_ = 0;  // of what follows
  std::uint64_t window_missed_ = 0;   // ticks
  bool window_said_ = false;
  bool said_no_reconciler_ = false;
  log_limit poll_limit_;
  log_limit tick_limit_{60'000'000'000};
};

}  // namespace tcpinfo::collect

#endif
