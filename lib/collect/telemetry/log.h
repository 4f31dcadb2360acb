// SPDX-License-Identifier: Apache-2.0
//
// Log lines on standard error, one write each so that lines of several threads stay whole; where
// standard error is connected to the systemd journal, journal entries with fields instead. No
// caller waits for a reader.
#ifndef TCPINFO_COLLECT_TELEMETRY_LOG_H
#define TCPINFO_COLLECT_TELEMETRY_LOG_H

#include <fmt/format.h>

#include <atomic>
#include <cstdint>
#include <string_view>
#include <system_error>
#include <utility>

namespace tcpinfo::collect {

/// One kind of thing to say. The name is the journal field TCPINFO_EVENT and never changes: alerts
/// hang on it. docs/operations.md explains each (a test compares the two lists).
struct log_event {
  int priority;  ///< of syslog(3)
  std::string_view name;
};

namespace event {
inline constexpr int error = 3;
inline constexpr int warning = 4;
inline constexpr int notice = 5;
inline constexpr int info = 6;

inline constexpr log_event usage{error, "usage"};
inline constexpr log_event start_refused{error, "start_refused"};
inline constexpr log_event started{info, "started"};
inline constexpr log_event summary{info, "summary"};
inline constexpr log_event log_dropped{warning, "log_dropped"};
inline constexpr log_event out_of_memory{error, "out_of_memory"};
inline constexpr log_event reloaded{notice, "reloaded"};
inline constexpr log_event reload_refused{error, "reload_refused"};
inline constexpr log_event poll_failed{warning, "poll_failed"};
inline constexpr log_event events_unread{warning, "events_unread"};
inline constexpr log_event ends_unheard{warning, "ends_unheard"};
inline constexpr log_event events_lost{warning, "events_lost"};
inline constexpr log_event ticks_missed{warning, "ticks_missed"};
inline constexpr log_event clock_stepped{warning, "clock_stepped"};
inline constexpr log_event resumed{notice, "resumed"};
inline constexpr log_event write_failed{warning, "write_failed"};
inline constexpr log_event records_dropped{error, "records_dropped"};
inline constexpr log_event memory_budget{warning, "memory_budget"};
inline constexpr log_event file_vanished{warning, "file_vanished"};
inline constexpr log_event completion_failed{warning, "completion_failed"};
inline constexpr log_event completion_given_up{error, "completion_given_up"};
inline constexpr log_event rewrite_failed{notice, "rewrite_failed"};
inline constexpr log_event no_fsync{warning, "no_fsync"};
inline constexpr log_event leftovers_completed{notice, "leftovers_completed"};
inline constexpr log_event leftover_set_aside{warning, "leftover_set_aside"};
inline constexpr log_event retention{notice, "retention"};
inline constexpr log_event retention_failed{warning, "retention_failed"};
inline constexpr log_event publishing{notice, "publishing"};
inline constexpr log_event publish_failed{warning, "publish_failed"};
inline constexpr log_event publish_lost{error, "publish_lost"};
inline constexpr log_event many_files{notice, "many_files"};
inline constexpr log_event netns_fault{warning, "netns_fault"};
inline constexpr log_event netns_found{info, "netns_found"};
inline constexpr log_event addresses_unknown{warning, "addresses_unknown"};
}  // namespace event

/// The subject of a line; the journal fields TCPINFO_FILE and ERRNO.
struct log_subject {
  std::string_view file = {};
  std::error_code error = {};
};

/// From here on the journal is used if standard error is a connection to it (JOURNAL_STREAM says
/// so, systemd.exec(5)). Called once, before there are threads.
void use_journal_if_connected() noexcept;

/// While it lives, lines are written by a thread of its own: up to 256 wait, more are dropped and
/// counted, and the log says how many once it is read again. One at a time.
class log_thread {
 public:
  /// Where no thread is to be had, lines are written as without it.
  log_thread() noexcept;
  /// Waits for what is queued, a second at most. The thread is left behind where it waits for a
  /// reader even then; it ends with the process.
  ~log_thread();
  log_thread(const log_thread&) = delete;
  log_thread& operator=(const log_thread&) = delete;
};

/// How many lines were dropped since the last log_thread began. Any thread.
[[nodiscard]] std::uint64_t log_lines_dropped() noexcept;

/// Writes "tcpinfo-collect: <text>\n", its text escaped (text/escape.h), or a journal entry, by way
/// of the log_thread. Without one, at once, but only where it is taken without waiting: else it is
/// dropped. Never waits. Any thread.
void log_line(const log_event& what, std::string_view text,
              const log_subject& subject = {}) noexcept;

template <class... Args>
void log(const log_event& what, const log_subject& subject, fmt::format_string<Args...> format,
         Args&&... args) noexcept {
  try {
    log_line(what, fmt::format(format, std::forward<Args>(args)...), subject);
  } catch (...) {
    // No memory for a log line: the counters still tell.
  }
}

template <class... Args>
void log(const log_event& what, fmt::format_string<Args...> format, Args&&... args) noexcept {
  log(what, log_subject{}, format, std::forward<Args>(args)...);
}

/// Lets one line through per interval, and counts the ones held back, so that a fault that lasts is
/// said without flooding the log. Any thread.
class log_limit {
 public:
  explicit constexpr log_limit(std::int64_t interval_ns = 10'000'000'000) noexcept
      : interval_ns_(interval_ns) {}

  /// True when a line may be written at `now_ns`; `held_back` is then how many were not since.
  [[nodiscard]] bool allow(std::int64_t now_ns, std::uint64_t& held_back) noexcept;

  /// log(), if a line may be written now; the line then ends with how many were held back.
  template <class... Args>
  void log(std::int64_t now_ns, const log_event& what, const log_subject& subject,
           fmt::format_string<Args...> format, Args&&... args) noexcept {
    std::uint64_t held_back = 0;
    if (!allow(now_ns, held_back)) return;
    try {
      std::string text = fmt::format(format, std::forward<Args>(args)...);
      if (held_back > 0) text += fmt::format(" ({} more such since the last line)", held_back);
      log_line(what, text, subject);
    } catch (...) {
      // As in log().
    }
  }

 private:
  const std::int64_t interval_ns_;
  std::atomic<std::int64_t> next_ns_{0};
  std::atomic<std::uint64_t> held_back_{0};
};

}  // namespace tcpinfo::collect

#endif
