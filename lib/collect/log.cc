// SPDX-License-Identifier: Apache-2.0
#include "collect/log.h"

#include <unistd.h>

#include <iterator>

#include "collect/journal.h"

namespace tcpinfo::collect {
namespace {

bool to_journal = false;

}  // namespace

void use_journal_if_connected() noexcept { to_journal = journal_connected(); }

void log_line(const log_event& what, std::string_view text, const log_subject& subject) noexcept {
  // Where the journal does not take it, standard error still leads there.
  if (to_journal && send_to_journal(what, text, subject)) return;
  try {
    fmt::memory_buffer line;
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
