// SPDX-License-Identifier: Apache-2.0
//
// Which files need not be opened, because their names and times say that no record in them is
// wanted.
#ifndef TCPINFO_OFFLINE_FILTERS_PASSED_OVER_H
#define TCPINFO_OFFLINE_FILTERS_PASSED_OVER_H

#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "offline/filters/filters.h"
#include "offline/inputs/inputs.h"

namespace tcpinfo::offline {

/// Judges files by the filters. Only a file whose path is a collector's is ever passed over:
/// YYYY/MM/DD/UUID.SEQUENCE.jsonl[.zst][.part], the UUID with a cookie at its end and the date that
/// on which the file was begun, in UTC; or that of a segment, YYYY/MM/DD/NAME.tcpseg[.zst][.part].
/// - By UUIDs: where the file's name has another one, unless connections are also named by their
///   ends, which no name tells. Segments never.
/// - By --until: where the folder's day begins at that moment or later.
/// - By --since: where the folder's day ended before it and the file was last written to before it,
///   too: a file that is begun before midnight goes on after it.
/// Remembers the folder it saw last. One for each walk.
class passed_over {
 public:
  /// Nothing is passed over.
  passed_over() = default;
  explicit passed_over(const filter_options& filter)
      : uuids_(filter.ends.empty() ? filter.uuids : uuid_list()),
        since_(filter.since),
        until_(filter.until) {}

  /// Whether no record of that file is wanted. Notes for tell_unmet() which UUID it is of.
  /// Asks when it was last written to (in ns since 1970) only where that decides.
  [[nodiscard]] bool covers(std::string_view path,
                            const std::function<std::optional<std::int64_t>()>& modified_ns);

  /// Whether no record of any file of that folder is wanted, archives and segments alike: it is a
  /// day's, YYYY/MM/DD, and
  /// - begins at --until or later, or
  /// - ended a day before --since or earlier, and was last changed before it, too: a file that is
  ///   begun on a day goes on after it, and the folder changes when the file is complete.
  [[nodiscard]] bool covers_folder(std::string_view path,
                                   const std::function<std::optional<std::int64_t>()>& modified_ns);

 private:
  [[nodiscard]] std::optional<std::int64_t> day_of(std::string_view folder);

  uuid_list uuids_;
  std::optional<timestamp> since_;
  std::optional<timestamp> until_;
  std::string folder_;               // the last one asked for
  std::optional<std::int64_t> day_;  // its day's first second; nullopt: it is no day's
  bool any_folder_ = false;
};

/// A walk that does not give the files that `filter` passes over. `passed`, where there is one, is
/// set when there are any.
[[nodiscard]] walk_options wanted_files(const filter_options& filter, bool captures,
                                        std::atomic<bool>* passed = nullptr);

/// The parts of segments that hold what such a filter wants, by its times. `passed`: see
/// part_options.
[[nodiscard]] part_options wanted_parts(const filter_options& filter,
                                        std::atomic<bool>* passed = nullptr);

}  // namespace tcpinfo::offline

#endif
