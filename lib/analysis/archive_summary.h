// SPDX-License-Identifier: Apache-2.0
#ifndef TCPINFO_ANALYSIS_ARCHIVE_SUMMARY_H
#define TCPINFO_ANALYSIS_ARCHIVE_SUMMARY_H

#include <tcpinfo/archive.h>
#include <tcpinfo/segment.h>

#include <cstdint>
#include <vector>

#include "analysis/name_pool.h"
#include "analysis/records_summary.h"
#include "analysis/seen_message.h"
#include "analysis/summary_values.h"

namespace tcpinfo::analysis {

/// What a segment_summary refers to; use it again for the next one.
struct summary_room {
  std::vector<summary_value> values;
  std::vector<summary_bucket> rtts;
};

/// The summary of one archive's records in one segment.
class archive_summary {
 public:
  /// So many distinct round-trip times are kept as they are: of tens of thousands of connections a
  /// collector holds one of these each.
  static constexpr quantiles::limit distinct_rtts = 64;

  archive_summary() noexcept : records_(distinct_rtts) {}

  /// The next record, in order. `poll`: as record_extras::poll.
  void add(const seen_message& r, std::uint64_t poll);
  /// A line that is kept as text and is no message.
  void add_line() noexcept { ++lines_; }

  /// Adds what others of the archive's records come to, as records_summary::merge().
  void merge(archive_summary&& other);
  /// A record could not be added: it is never whole.
  void give_up() noexcept { is_one_ = false; }

  /// Memory beside the object.
  [[nodiscard]] std::size_t bytes() const noexcept { return records_.bytes(); }
  /// Records and lines that it tells of.
  [[nodiscard]] std::uint64_t count() const noexcept { return records_.snapshots() + lines_; }
  /// Whether it can be written: records of one connection came, and in order. Of others, only the
  /// records themselves tell which is of which.
  [[nodiscard]] bool is_whole() const noexcept { return records_.snapshots() != 0 && is_one_; }
  [[nodiscard]] records_summary& records() noexcept { return records_; }
  /// Polls of the first and the last record that tell one; no_poll where none does.
  [[nodiscard]] std::uint64_t first_poll() const noexcept { return first_poll_; }
  [[nodiscard]] std::uint64_t last_poll() const noexcept { return last_poll_; }

  /// As it is written. `start`: the start time in the archive's metadata record. Its views are
  /// those of `room` and `names`.
  [[nodiscard]] segment_summary save(const timestamp& start, summary_room& room,
                                     const name_pool& names);
  /// Reads it back.
  void load(const segment_summary& from, const timestamp& start, name_pool& names);

 private:
  records_summary records_;
  std::uint64_t first_poll_ = no_poll;
  std::uint64_t last_poll_ = no_poll;
  std::uint64_t lines_ = 0;
  bool ended_ = false;
  bool is_one_ = true;
};

}  // namespace tcpinfo::analysis

#endif
