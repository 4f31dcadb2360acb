// SPDX-License-Identifier: Apache-2.0
//
// Log lines on standard error, one write each so that lines of several threads stay whole.
#ifndef TCPINFO_COLLECT_LOG_H
#define TCPINFO_COLLECT_LOG_H

#include <fmt/format.h>

#include <atomic>
#include <cstdint>
#include <string_view>
#include <utility>

namespace tcpinfo::collect {

/// Writes "tcpinfo-collect: <text>\n". Any thread.
void log_line(std::string_view text) noexcept;

template <class... Args>
void log(fmt::format_string<Args...> format, Args&&... args) noexcept {
  try {
    log_line(fmt::format(format, std::forward<Args>(args)...));
  } catch (...) {
    // No memory for a log line: the counters still tell.
  }
}

/// Lets one line through per interval, and counts the ones held back, so that a fault that lasts is
/// said without flooding the log. Any thread.
class log_limit {
 public:
  /// True when a line may be written at `now_ns`; `held_back` is then how many were not since.
  [[nodiscard]] bool allow(std::int64_t now_ns, std::uint64_t& held_back) noexcept;

 private:
  static constexpr std::int64_t interval_ns = 10'000'000'000;
  std::atomic<std::int64_t> next_ns_{0};
  std::atomic<std::uint64_t> held_back_{0};
};

}  // namespace tcpinfo::collect

#endif
