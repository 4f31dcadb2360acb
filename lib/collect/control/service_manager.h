// SPDX-License-Identifier: Apache-2.0
//
// A running collector tells a service manager, such as systemd, in the protocol of
// sd_notify(3): ready, a status line, signs of life, reloading, stopping. Spoken here and not by
// libsystemd, which waits where the manager does not read; sampling waits for nobody.
#ifndef TCPINFO_COLLECT_CONTROL_SERVICE_MANAGER_H
#define TCPINFO_COLLECT_CONTROL_SERVICE_MANAGER_H

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

#include "collect/config.h"
#include "collect/os/descriptor.h"
#include "collect/os/unix_address.h"
#include "collect/sampling/attendant.h"
#include "collect/telemetry/observations.h"
#include "collect/telemetry/statistics.h"

namespace tcpinfo::collect {

/// Belongs to the sampler's thread: a sign of life from any other would say nothing about polls.
/// Where NOTIFY_SOCKET names nobody, it says nothing and costs two comparisons a poll.
class service_manager {
 public:
  /// All outlive it. Reads NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID.
  service_manager(const config& settings, const statistics& counts, const observations& seen);

  /// After each poll of the main sampler, complete or not, when it has been counted. The first
  /// complete one makes the service ready; the status follows about once a second.
  void polled(const loop_state& state) noexcept {
    ++polls_;
    looks_ = polls_ + state.idle_ticks;
    ready_ = ready_ || state.complete;
    if (state.now_ns >= status_due_ns_) report(state.now_ns);
    alive(state.now_ns);
  }
  /// While waiting for the next poll, at the latest at alive_due_ns(): an interval may be longer
  /// than the watchdog's patience.
  void alive(std::int64_t now_ns) noexcept {
    if (now_ns >= alive_due_ns_) pet(now_ns);
  }
  /// Far away where there is no watchdog.
  [[nodiscard]] std::int64_t alive_due_ns() const noexcept { return alive_due_ns_; }

  /// Around a reload, whether it succeeds or not.
  void reloading(std::int64_t now_ns) noexcept;
  void reloaded(std::int64_t now_ns) noexcept;

  /// No more polls.
  void stopping() noexcept;

 private:
  static constexpr std::int64_t never = std::numeric_limits<std::int64_t>::max();

  void report(std::int64_t now_ns) noexcept;
  void pet(std::int64_t now_ns) noexcept;
  [[nodiscard]] std::string status(std::int64_t now_ns);
  /// Whether the manager has it now.
  bool send(std::string_view text) noexcept;

  const config& settings_;
  const statistics& counts_;
  const observations& observed_;
  descriptor socket_;  // closed where nobody listens
  unix_address address_;
  bool ready_ = false;      // a poll was complete
  bool owes_ready_ = true;  // the manager has not taken READY=1 yet
  std::int64_t status_due_ns_ = never;
  std::int64_t alive_due_ns_ = never;
  std::int64_t alive_every_ns_ = 0;
  std::uint64_t polls_ = 0;
  std::uint64_t looks_ = 0;  // and ticks that needed none
  // At the last status.
  std::int64_t seen_ns_ = 0;
  std::uint64_t seen_looks_ = 0;
};

}  // namespace tcpinfo::collect

#endif
