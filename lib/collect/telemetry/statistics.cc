// SPDX-License-Identifier: Apache-2.0
#include "collect/telemetry/statistics.h"

#include <fmt/format.h>
#include <tcpinfo/error.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cmath>
#include <iterator>
#include <string_view>

#include "common/errno_of.h"

namespace tcpinfo::collect {

int duration_histogram::bucket_of(std::int64_t ns) noexcept {
  const auto us = static_cast<std::uint64_t>(std::max<std::int64_t>(ns, 0) / 1000);
  if (us < steps) return static_cast<int>(us);
  // The leading bit selects the power, the five bits below it the step.
  const int power = static_cast<int>(std::bit_width(us)) - 6;
  const auto step = static_cast<int>((us >> power) & (steps - 1));
  return std::min((power + 1) * steps + step, steps * powers - 1);
}

void duration_histogram::add(std::int64_t ns) noexcept {
  ++buckets_[static_cast<std::size_t>(bucket_of(ns))];
  ++count_;
  max_ = std::max(max_, ns);
}

void duration_histogram::add(const duration_histogram& other) noexcept {
  for (std::size_t i = 0; i < buckets_.size(); ++i) buckets_[i] += other.buckets_[i];
  count_ += other.count_;
  max_ = std::max(max_, other.max_);
}

std::int64_t duration_histogram::quantile(double q) const noexcept {
  if (count_ == 0) return 0;
  const auto rank = static_cast<std::uint64_t>(std::ceil(q * static_cast<double>(count_)));
  std::uint64_t sum = 0;
  for (int i = 0; i < steps * powers; ++i) {
    sum += buckets_[static_cast<std::size_t>(i)];
    if (sum < std::max<std::uint64_t>(rank, 1)) continue;
    // The bucket's upper edge, which never exceeds what was really seen.
    const int power = i / steps - 1;
    const std::int64_t us = power < 0 ? i + 1 : (std::int64_t{i % steps + steps} + 1) << power;
    return std::min(us * 1000, max_);
  }
  return max_;
}

write_fault write_fault_of(const std::error_code& ec) noexcept {
  if (ec == std::errc::no_space_on_device || ec == std::errc::file_too_large ||
      is_errno(ec, EDQUOT))
    return write_fault::no_space;
  if (ec == std::errc::read_only_file_system || ec == std::errc::permission_denied ||
      ec == std::errc::operation_not_permitted)
    return write_fault::read_only;
  if (ec == std::errc::too_many_files_open || ec == std::errc::too_many_files_open_in_system)
    return write_fault::descriptors;
  if (ec == std::errc::io_error) return write_fault::io;
  if (ec == std::errc::not_enough_memory || ec == errc::out_of_memory) return write_fault::memory;
  return write_fault::other;
}

std::uint64_t total_losses(const statistics& s) noexcept {
  return s.failed_polls.get() + s.lost_queue.get() + s.lost_events.get() + s.lost_finals.get() +
         s.lost_backlog.get() + s.lost_write.get() + s.lost_files.get();
}

std::string summary_line(const statistics& s, const duration_histogram& intervals) {
  const auto ms = [](std::int64_t ns) { return static_cast<double>(ns) / 1e6; };
  std::string line = fmt::format(
      "summary: polls={} missed_ticks={} interval_ms_p50={:.2f} interval_ms_p99={:.2f} "
      "interval_ms_max={:.2f} connections={} records={} bytes={} files={} losses={}",
      s.polls.get(), s.missed_ticks.get(), ms(intervals.quantile(0.5)),
      ms(intervals.quantile(0.99)), ms(intervals.max()), s.connections.get(), s.records.get(),
      s.bytes_written.get(), s.files_finalized.get(), total_losses(s));
  // Said only where there is something to say.
  const std::pair<std::string_view, std::uint64_t> reasons[] = {
      {"lost_ring", s.lost_queue.get()},
      {"lost_events", s.lost_events.get()},
      {"lost_finals", s.lost_finals.get()},
      {"lost_backlog", s.lost_backlog.get()},
      {"lost_write", s.lost_write.get()},
      {"lost_files", s.lost_files.get()},
      {"detached", s.detached.get()},
      {"detached_forgotten", s.detached_forgotten.get()},
      {"cleared_finals", s.cleared_finals.get()},
      {"failed_polls", s.failed_polls.get()},
      {"write_errors", s.write_errors.get()},
      {"sample_connections", s.sample_connections.get()},
      {"sample_records", s.sample_records.get()},
      {"thin_records", s.thin_records.get()},
      {"finals_only_connections", s.finals_only_connections.get()},
      {"finals_only_records", s.finals_only_records.get()},
      {"idle_ticks", s.idle_ticks.get()},
      {"budget_ticks", s.budget_ticks.get()},
      {"early_flushes", s.early_flushes.get()},
      {"clock_steps", s.clock_steps.get()},
      {"suspends", s.suspends.get()},
      {"reloads", s.reloads.get()},
      {"netns_faults", s.netns_faults.get()},
      {"tombstones_dropped", s.tombstones_dropped.get()},
      {"summaries_left_out", s.summaries_left_out.get()},
      {"log_lines_dropped", s.dropped_log_lines.get()},
      {"duplicate_attributes", s.duplicate_attributes.get()},
      {"unread_bytes", s.unread_bytes.get()},
      {"leftovers_completed", s.leftovers_finalized.get()},
      {"set_aside", s.set_aside.get()},
      {"not_rewritten", s.not_rewritten.get()},
      {"retention_files", s.retention_files_age.get() + s.retention_files_disk.get()},
      {"retention_files_unsent", s.retention_files_unsent.get()},
      {"retention_faults", s.retention_faults.get()}};
  for (const auto& [name, value] : reasons)
    if (value > 0) fmt::format_to(std::back_inserter(line), " {}={}", name, value);
  return line;
}

}  // namespace tcpinfo::collect
