// SPDX-License-Identifier: Apache-2.0
#include "collect/log.h"

#include <poll.h>
#include <unistd.h>

#include <iterator>

#include "collect/journal.h"

namespace tcpinfo::collect {
namespace {

bool to_journal = false;
std::atomic<std::uint64_t> unwritten{0};
// The last line is worth waiting for; no other is, as threads that say something have work to do.
constexpr int last_line_ms = 1000;

// A pipe whose reader has stopped must not stop us.
bool takes_a_line(int wait_ms) noexcept {
  pollfd out{STDERR_FILENO, POLLOUT, 0};
  return ::poll(&out, 1, wait_ms) != 0;
}

}  // namespace

void use_journal_if_connected() noexcept { to_journal = journal_connected(); }

void log_line(const log_event& what, std::string_view text, const log_subject& subject) noexcept {
  // Where the journal does not take it, standard error still leads there.
  if (to_journal && send_to_journal(what, text, subject)) return;
  if (!takes_a_line(what.name == event::summary.name ? last_line_ms : 0)) {
    unwritten.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  try {
    fmt::memory_buffer line;
    if (const auto before = unwritten.exchange(0, std::memory_order_relaxed); before > 0)
      fmt::format_to(std::back_inserter(line),
                     "tcpinfo-collect: {} lines could not be written: nobody read\n", before);
    fmt::format_to(std::back_inserter(line), "tcpinfo-collect: {}\n", text);
    // Nobody is left to tell when standard error does not take it.
    [[maybe_unused]] const auto written = ::write(STDERR_FILENO, line.data(), line.size());
  } catch (...) {
    // No memory for a log line: the counters still tell.
  }
}

bool log_limit::allow(std::int64_t now_ns, std::uint64_t& held_back) noexcept {
  std::int64_t next = next_ns_.load(std::memory_order_relaxed);
  if (now_ns < next ||
      !next_ns_.compare_exchange_strong(next, now_ns + interval_ns_, std::memory_order_relaxed)) {
    held_back_.fetch_add(1, std::memory_order_relaxed);
    return false;
  }
  held_back = held_back_.exchange(0, std::memory_order_relaxed);
  return true;
}

}  // namespace tcpinfo::collect
