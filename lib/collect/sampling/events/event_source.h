// SPDX-License-Identifier: Apache-2.0
//
// Follows events: each poll asks for the sockets that were marked since the one before, and for
// nothing else. Never worse than walking: where so many are marked that one walk is cheaper, or
// marks found no room, that poll walks.
#ifndef TCPINFO_COLLECT_SAMPLING_EVENTS_EVENT_SOURCE_H
#define TCPINFO_COLLECT_SAMPLING_EVENTS_EVENT_SOURCE_H

#include <cstdint>
#include <functional>
#include <memory>
#include <unordered_map>
#include <vector>

#include "collect/os/descriptor.h"
#include "collect/sampling/events/activity_feed.h"
#include "collect/sampling/events/reconciler.h"
#include "collect/sampling/events/stall_wheel.h"
#include "collect/sampling/source.h"

namespace tcpinfo::collect {

/// Cookies of one poll, each once.
class cookie_set {
 public:
  /// Forgets all.
  void begin() noexcept {
    ++round_;
    size_ = 0;
  }
  /// Whether it was not there. Throws std::bad_alloc.
  bool add(std::uint64_t cookie);
  [[nodiscard]] std::size_t size() const noexcept { return size_; }

 private:
  struct entry {
    std::uint64_t cookie = 0;
    std::uint64_t round = 0;
  };
  void put(std::vector<entry>& to, std::uint64_t cookie) noexcept;

  std::vector<entry> entries_;
  std::uint64_t round_ = 1;
  std::size_t size_ = 0;
};

class marked_source final : public source, private mark_sink {
 public:
  struct parts {
    std::unique_ptr<source> walks;  ///< and destroy events, and queries
    std::unique_ptr<mark_feed> feed;
    std::unique_ptr<source>
        beside;  ///< walks beside the polls, on another thread; null: nothing does
    std::function<std::int64_t()> monotonic_ns;
    /// Processor time of the calling thread: what ways of looking cost is compared by it, so that a
    /// process that is stopped or pushed aside learns nothing wrong.
    std::function<std::int64_t()> cpu_ns;
    /// Tells the system whether the calling thread is urgent; null: nobody is told. It is while
    /// polls take no longer than options.urgent_ns.
    std::function<void(bool urgent)> be_urgent;
    thread_starter start_thread = {};  ///< for `beside`; null: as the system does
  };
  marked_source(const source_options& options, parts from);

  [[nodiscard]] std::error_code probe(message_sink& sink) noexcept override {
    return walks_->probe(sink);
  }
  [[nodiscard]] std::error_code open() override;
  [[nodiscard]] poll_report walk(message_sink& sink) noexcept override;
  [[nodiscard]] poll_report poll(message_sink& sink) noexcept override;
  [[nodiscard]] bool follows() const noexcept override { return true; }
  [[nodiscard]] std::error_code ends_unheard() const noexcept override {
    return walks_->ends_unheard();
  }
  [[nodiscard]] std::error_code drain(message_sink& sink) noexcept override;
  [[nodiscard]] std::int64_t rest() noexcept override;
  [[nodiscard]] bool rests() const noexcept override;
  void expect_long() noexcept override { take_time(); }
  [[nodiscard]] int descriptor() const noexcept override {
    return any_ ? any_.get() : walks_->descriptor();
  }
  [[nodiscard]] std::error_code query(const socket_id& id, message_sink& sink) noexcept override {
    return walks_->query(id, sink);
  }
  void query_all(std::span<const socket_id> ids, answer_callback fn, void* user) noexcept override {
    walks_->query_all(ids, fn, user);
  }
  [[nodiscard]] std::int64_t event_overflows() const noexcept override {
    return walks_->event_overflows();
  }

 private:
  enum class reason : std::uint8_t {
    event,
    clock,      // clocks in its tcp_info run without events
    suspicion,  // no event told of it
  };
  struct wanted {
    socket_id id;
    reason why;
  };
  class walking;

  void on_mark(const mark& m) noexcept override;
  void take_marks(message_sink& sink) noexcept;
  /// False where it is unwanted.
  bool want(const socket_id& id, reason why);
  void want_marked(std::int64_t now_ns);
  void want_clocks(std::int64_t now_ns);
  void want_suspects(message_sink& sink, poll_report& report);
  void ask_again(const socket_id& id) noexcept;
  void keep_of_this_tick() noexcept;
  void supersede_suspects(const message_sink& sink, poll_report& report) noexcept;
  void note_reconciliation(const reconciliation& found, poll_report& report) noexcept;
  [[nodiscard]] bool is_dearer_than_walk(std::size_t queries) const noexcept;
  void look_for_misses(std::int64_t now_ns, poll_report& report) noexcept;
  void count_news(poll_report& report) noexcept;
  void ask(message_sink& sink, poll_report& report) noexcept;
  void note_clock(const message& m, reason why, std::int64_t now_ns) noexcept;
  [[nodiscard]] bool is_excluded(const socket_id& id) const noexcept;
  [[nodiscard]] poll_report walk_instead(message_sink& sink) noexcept;
  void begin_tick() noexcept;
  void open_any();
  void start_reconciler(poll_report& report) noexcept;
  void end_rest() noexcept;
  [[nodiscard]] bool nothing_came() const noexcept;
  [[nodiscard]] bool listen_for(std::uint32_t events) noexcept;
  void note_walk(std::int64_t cpu_ns) noexcept;
  void hurry(double expected_ns) noexcept;
  void take_time() noexcept;
  void look_for_connecting(message_sink& sink, poll_report& report) noexcept;

  const source_options options_;
  const std::unique_ptr<source> walks_;
  const std::unique_ptr<mark_feed> feed_;
  std::unique_ptr<source> beside_;  // until open()
  const thread_starter start_thread_;
  const std::function<std::int64_t()> monotonic_ns_;
  const std::function<std::int64_t()> cpu_ns_;
  const std::function<void(bool)> be_urgent_;
  std::unique_ptr<reconciler> reconciler_;
  std::int64_t reconciler_due_ns_ = 0;  // its thread was not to be had: when to try again
  // Readable when any of the others is; none where the system gives none, and then there is no
  // rest.
  collect::descriptor any_;

  message_sink* sink_ = nullptr;  // while marks are taken
  std::uint32_t tick_ = 0;
  std::vector<mark> marks_;  // taken, not yet asked for
  // To be asked for in the next poll: marked in the tick that runs, where what comes later is not
  // marked; or not kept.
  std::vector<socket_id> again_;
  cookie_set asked_;
  std::vector<wanted> wanted_;
  std::vector<socket_id> ids_;
  bool forgot_ = false;  // a mark was forgotten: the next poll walks
  std::uint64_t dropped_ = 0;
  int drops_in_a_row_ = 0;
  mark_totals totals_;
  std::int64_t misses_due_ns_ = 0;
  clock_wheel clocks_;

  // By cookie, since when; monotonic.
  std::unordered_map<std::uint64_t, std::int64_t> connecting_;
  std::int64_t connecting_due_ns_ = 0;

  reconciliation found_;
  std::size_t found_next_ = 0;
  std::size_t news_ = 0;
  std::vector<std::uint64_t> maybe_news_;  // of the last poll; room for all is there

  // Nanoseconds of processor time, running means.
  static constexpr double usual_query_ns = 3500;
  double query_ns_ = usual_query_ns;  // until measured
  double walk_ns_ = 0;
  int walks_left_ = 0;  // until marks are made again

  int brief_polls_ = 0;  // in a row; with enough of them it is urgent

  int quiet_polls_ = 0;  // in a row, in which nothing was asked for
  bool resting_ = false;
};

}  // namespace tcpinfo::collect

#endif
