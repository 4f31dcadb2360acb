// SPDX-License-Identifier: Apache-2.0
#include "collect/writing/segment_summaries.h"

#include <new>

namespace tcpinfo::collect {

void segment_summaries::record(open_summary& s, const snapshot_header& header, const message& m,
                               std::uint64_t shape) noexcept {
  using analysis::packed_time;
  try {
    analysis::seen_message seen = eye_.see(m, shape);
    seen.time = packed_time::of_raw(header.time_ns);
    if (header.ended_ns != 0) seen.ended = packed_time::of_raw(header.ended_ns);
    seen.carried = header.carried;
    s.records.add(seen, header.poll);
  } catch (const std::bad_alloc&) {
    s.records.give_up();
  }
}

bool segment_summaries::hand_on(open_summary& s, const metadata& about,
                                std::string_view path) noexcept {
  try {
    if (s.records.is_whole()) {
      segment_archive archive;
      archive.about = &about;
      archive.path = path;
      archive.goes_on = s.goes_on ? 1 : 0;
      const auto ec = to_.add_summary(archive, s.records.save(about.start_time, room_, names_));
      if (ec == errc::buffer_too_small) return false;
    }
  } catch (const std::bad_alloc&) {
    // Left out.
  }
  s.goes_on = s.goes_on || s.records.count() != 0;
  s.records = analysis::archive_summary();
  return true;
}

}  // namespace tcpinfo::collect
