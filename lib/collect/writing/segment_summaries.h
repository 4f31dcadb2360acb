// SPDX-License-Identifier: Apache-2.0
//
// What the records of each archive in a segment come to, made as they are written: who reads only
// that reads no records (tcpinfo-dump ls).
#ifndef TCPINFO_COLLECT_WRITING_SEGMENT_SUMMARIES_H
#define TCPINFO_COLLECT_WRITING_SEGMENT_SUMMARIES_H

#include <tcpinfo/archive.h>
#include <tcpinfo/message.h>
#include <tcpinfo/segment.h>

#include <cstdint>
#include <string_view>

#include "analysis/archive_summary.h"
#include "analysis/name_pool.h"
#include "collect/writing/snapshot_header.h"

namespace tcpinfo::collect {

/// Of an archive that is being written.
struct open_summary {
  analysis::archive_summary records;  ///< of those in this segment
  bool left_out = false;              ///< there is no memory for it
  bool goes_on = false;               ///< there are others before, in a segment or in this one
};

/// One thread's. A summary that cannot be made is left out: the index tells readers that records
/// have none, and they read the records.
class segment_summaries {
 public:
  explicit segment_summaries(segment_writer& to) noexcept : to_(to) {}

  /// A record that was written. `shape`: record_observer::look() of its message.
  void record(open_summary& s, const snapshot_header& header, const message& m,
              std::uint64_t shape) noexcept;
  /// Hands on the summary of the archive that has `about` and `path`, and begins the one of its
  /// records in the next segment. @return false where the writer's block is full: then it is to be
  /// called again when that was flushed.
  [[nodiscard]] bool hand_on(open_summary& s, const metadata& about,
                             std::string_view path) noexcept;

 private:
  segment_writer& to_;
  analysis::name_pool names_;
  analysis::message_eye eye_{names_};
  analysis::summary_room room_;
};

}  // namespace tcpinfo::collect

#endif
