// SPDX-License-Identifier: Apache-2.0
//
// Event-driven sampling: each poll queries the sockets that were active since the one before, and
// no others. A poll never costs much more than a dump: it dumps where so many sockets are active
// that one dump is cheaper (cost_model), or where activity found no room.
#ifndef TCPINFO_COLLECT_SAMPLING_EVENTS_EVENT_SOURCE_H
#define TCPINFO_COLLECT_SAMPLING_EVENTS_EVENT_SOURCE_H

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "collect/sampling/events/activity_feed.h"
#include "collect/sampling/events/connecting_sockets.h"
#include "collect/sampling/events/cost_model.h"
#include "collect/sampling/events/idle_wait.h"
#include "collect/sampling/events/query_plan.h"
#include "collect/sampling/events/reconciler.h"
#include "collect/sampling/events/suspect_list.h"
#include "collect/sampling/events/urgency.h"
#include "collect/sampling/source.h"

namespace tcpinfo::collect {

class event_source final : public source, private activity_sink {
 public:
  struct parts {
    std::unique_ptr<source> dumps;  ///< dumps, destroy events, queries
    std::unique_ptr<activity_feed> feed;
    /// The reconciler's dumps, on its thread; null: nobody looks for missed changes.
    std::unique_ptr<source> background;
    std::function<std::int64_t()> monotonic_ns;
    /// Processor time of the calling thread.
    std::function<std::int64_t()> cpu_ns;
    /// Tells the system whether the calling thread is urgent; null: nobody is told. It is while
    /// polls take no longer than options.urgent_ns.
    std::function<void(bool urgent)> be_urgent;
    thread_starter start_thread = {};  ///< of the reconciler; null: as the system does
  };
  event_source(const source_options& options, parts from);

  [[nodiscard]] std::error_code probe(message_sink& sink) noexcept override {
    return dumps_->probe(sink);
  }
  [[nodiscard]] std::error_code open() override;
  void use_flows(const flow_table& flows) noexcept override { flows_ = &flows; }
  [[nodiscard]] poll_report dump(message_sink& sink) noexcept override;
  [[nodiscard]] poll_report poll(message_sink& sink) noexcept override;
  [[nodiscard]] bool follows() const noexcept override { return true; }
  [[nodiscard]] std::error_code ends_refused() const noexcept override {
    return dumps_->ends_refused();
  }
  [[nodiscard]] bool has_heard_an_end() const noexcept override {
    return dumps_->has_heard_an_end();
  }
  [[nodiscard]] std::error_code drain(message_sink& sink) noexcept override;
  [[nodiscard]] std::int64_t rest() noexcept override;
  [[nodiscard]] bool rests() const noexcept override { return wait_.is_on() && nothing_came(); }
  void expect_long() noexcept override { urgency_.end(); }
  [[nodiscard]] int descriptor() const noexcept override {
    return wait_.descriptor() >= 0 ? wait_.descriptor() : dumps_->descriptor();
  }
  [[nodiscard]] std::error_code query(const socket_id& id, message_sink& sink) noexcept override {
    return dumps_->query(id, sink);
  }
  void query_all(std::span<const socket_id> ids, answer_callback fn, void* user) noexcept override {
    dumps_->query_all(ids, fn, user);
  }
  [[nodiscard]] std::int64_t event_overflows() const noexcept override {
    return dumps_->event_overflows();
  }

 private:
  class dump_sink;
  struct batch;

  void on_activity(const activity& a) noexcept override;
  void take_activity(message_sink& sink) noexcept;
  [[nodiscard]] bool nothing_came() const noexcept;
  [[nodiscard]] poll_report dump_in_row(message_sink& sink) noexcept;
  void query_planned(message_sink& sink, poll_report& report) noexcept;
  void take_answer(batch& of, const query_answer& a) noexcept;
  void expect_planned(std::size_t at) const noexcept;
  void dump_connecting_sockets(message_sink& sink, poll_report& report) noexcept;
  void count_missed_events(std::int64_t now_ns, poll_report& report) noexcept;
  void start_reconciler(poll_report& report) noexcept;

  const source_options options_;
  const std::unique_ptr<source> dumps_;
  const std::unique_ptr<activity_feed> feed_;
  std::unique_ptr<source> background_;  // until open()
  const thread_starter start_thread_;
  const std::function<std::int64_t()> monotonic_ns_;
  const std::function<std::int64_t()> cpu_ns_;
  const flow_table* flows_ = nullptr;  // the sampler's

  std::uint32_t tick_ = 0;
  query_plan plan_;
  std::vector<socket_id> ids_;  // of the plan, while it is queried
  cost_model cost_;
  connecting_sockets connecting_;
  idle_wait wait_;
  urgency urgency_;
  message_sink* sink_ = nullptr;  // while activity is taken

  std::unique_ptr<reconciler> reconciler_;
  std::unique_ptr<suspect_list> suspects_;  // with the reconciler
  std::int64_t reconciler_due_ns_ = 0;      // when to try again to start its thread

  std::uint64_t dropped_ = 0;  // counted so far
  activity_totals totals_;     // counted so far
  std::int64_t totals_due_ns_ = 0;
};

}  // namespace tcpinfo::collect

#endif
