// SPDX-License-Identifier: Apache-2.0
#include "collect/writing/finalize_report.h"

#include <tcpinfo/error.h>

#include <cerrno>

#include "collect/writing/segment_name.h"
#include "common/errno_of.h"

namespace tcpinfo::collect {

next_step finalize_report::failed(const part_file& file, std::string_view deed,
                                  std::error_code ec) {
  const std::int64_t now_ns = system_.monotonic_ns();
  bool there = true;
  if (is_errno(ec, ENOENT) && !system_.exists(file.path, there) && !there) {
    counts_.lost_files.add();
    vanish_limit_.log(now_ns, event::file_vanished, {file.path, ec},
                      "{} was taken away before it was complete", file.path);
    return next_step::done;
  }
  fail_limit_.log(now_ns, event::completion_failed, {file.path, ec},
                  "cannot {} {}: {} (it stays, and is tried again)", deed, file.path, ec.message());
  return next_step::retry;
}

void finalize_report::out_of_memory(const part_file& file) noexcept {
  fail_limit_.log(system_.monotonic_ns(), event::completion_failed,
                  {file.path, errc::out_of_memory},
                  "cannot complete {}: out of memory (it stays, and is tried again)", file.path);
}

void finalize_report::not_rewritten(const part_file& file, const std::error_code& ec) {
  counts_.not_rewritten.add();
  rewrite_limit_.log(system_.monotonic_ns(), event::rewrite_failed, {file.path, ec},
                     "cannot rewrite {} in large {}: {}; it is kept as it is", file.path,
                     is_segment_path(file.path) ? "blocks" : "frames", ec.message());
}

void finalize_report::gave_up(const part_file& file) noexcept {
  counts_.lost_files.add();
  give_up_limit_.log(system_.monotonic_ns(), event::completion_given_up, {.file = file.path},
                     "{} could not be completed; the next start tries again", file.path);
}

void finalize_report::finalized(const part_file& file) noexcept {
  counts_.files_finalized.add();
  if (!file.leftover) return;
  counts_.leftovers_finalized.add();
  ++leftovers_;
}

void finalize_report::shortened(const part_file& file) {
  counts_.lost_files.add();
  vanish_limit_.log(system_.monotonic_ns(), event::file_vanished, {.file = file.path},
                    "part of {} was taken away or damaged before it was complete", file.path);
}

void finalize_report::set_aside(const part_file& file, std::string_view what,
                                const std::string& kept) {
  counts_.set_aside.add();
  set_aside_limit_.log(system_.monotonic_ns(), event::leftover_set_aside, {.file = kept},
                       "leftover file {} is {}: it is kept as {}", file.path, what, kept);
}

void finalize_report::tell_leftovers(bool last) noexcept {
  if (leftovers_ == 0) return;
  std::uint64_t held_back = 0;
  if (!leftovers_limit_.allow(system_.monotonic_ns(), held_back) && !last) return;
  log(event::leftovers_completed, "completed {} leftover files ({} bytes of cut frames dropped)",
      leftovers_, leftover_bytes_cut_);
  leftovers_ = leftover_bytes_cut_ = 0;
}

}  // namespace tcpinfo::collect
