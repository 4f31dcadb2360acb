// SPDX-License-Identifier: Apache-2.0
//
// Content of the output directory when the collector starts: highest sequence of each connection
// of this boot, so that a connection that outlives a restart goes on after it, also one whose
// socket no dump shows any more; and files that an earlier run could not finalize. What is in
// segments is not read: of connections that may be in one the sequences go on at a number that no
// earlier run has used.
#ifndef TCPINFO_COLLECT_WRITING_SEQUENCE_INDEX_H
#define TCPINFO_COLLECT_WRITING_SEQUENCE_INDEX_H

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "collect/os/os.h"

namespace tcpinfo::collect {

/// Files of one connection that exist already.
struct known_files {
  std::uint64_t cookie = 0;
  std::uint64_t highest = 0;       ///< sequence
  std::uint32_t highest_date = 0;  ///< year * 10000 + month * 100 + day of its folder
};

/// Files that earlier runs left unfinished; paths.
struct unfinished_files {
  std::vector<std::string> leftovers;  ///< .part files, of any prefix
  std::vector<std::string> empty;      ///< those without one whole record
  std::vector<std::string> copies;  ///< rewrites that were not finished; hold nothing of their own
};

/// Read-only once made; any thread then.
class sequence_index {
 public:
  /// Of connections that are not open so many are kept at most: 12 MiB.
  static constexpr std::size_t most_others = std::size_t{1} << 19;

  explicit sequence_index(std::size_t others = most_others) noexcept : most_others_(others) {}

  /// Reads the folders YYYY/MM/DD below `output`. Kept are files whose UUIDs begin with `prefix`:
  /// those of the connections `open`, and of the others those of the latest days. A year's archives
  /// may hold many millions, of which hardly any will be heard of again: sockets that were not
  /// closed when their connection ended.
  [[nodiscard]] std::error_code read(os& system, const std::string& output, std::string_view prefix,
                                     std::vector<std::uint64_t> open, unfinished_files& unfinished);

  /// Before read(): what newest_cookie() told, where it did.
  /// @param at_start before this run's first dump: no socket of before has a higher cookie
  /// @param locked when the output directory was this run's: no socket that an earlier run has
  /// recorded there has a higher one
  void set_newest_cookies(std::optional<std::uint64_t> at_start,
                          std::optional<std::uint64_t> locked) noexcept {
    newest_at_start_ = at_start;
    newest_recorded_ = locked;
  }

  /// nullptr where the connection has no file yet.
  [[nodiscard]] const known_files* find(std::uint64_t cookie) const noexcept;
  /// Whether an earlier run may have recorded the connection into a segment.
  [[nodiscard]] bool may_be_in_segments(std::uint64_t cookie) const noexcept {
    return may_be_in_segments(cookie, newest_recorded_);
  }
  /// Whether an earlier run has recorded the connection, as far as is known.
  [[nodiscard]] bool is_recorded(std::uint64_t cookie) const noexcept {
    return find(cookie) != nullptr ||
           (newest_at_start_.has_value() && may_be_in_segments(cookie, newest_at_start_));
  }
  /// Of this run: 0 where there were no segments, else one more than the highest in their names
  /// (segment_name.h). Its sequences begin at this number times sequences_of_a_run.
  [[nodiscard]] std::uint64_t run_number() const noexcept { return run_number_; }

 private:
  [[nodiscard]] bool may_be_in_segments(std::uint64_t cookie,
                                        const std::optional<std::uint64_t>& newest) const noexcept;
  void add_file(os& system, const std::string& path, std::uint32_t date, std::string_view prefix,
                unfinished_files& unfinished);
  void count_run(std::string_view name) noexcept;
  void add_segment(os& system, const std::string& path, unfinished_files& unfinished);

  void add_other(const known_files& file);

  const std::size_t most_others_;
  std::vector<known_files> files_;  // sorted by cookie
  std::optional<std::uint64_t> newest_at_start_;
  std::optional<std::uint64_t> newest_recorded_;
  std::uint64_t run_number_ = 0;
  // While reading.
  std::vector<std::uint64_t> open_;  // sorted
  std::vector<known_files> others_;
  bool others_full_ = false;
  bool foreign_segments_ = false;  // whose names do not say the run
};

/// Whether a .part file has no whole record: it is empty, or ends within its first frame. That is
/// written by one call, so less of it than `first_frame_in_doubt` holds nothing that can be read.
[[nodiscard]] bool holds_nothing(os& system, const std::string& path);
inline constexpr std::uint64_t first_frame_in_doubt = 4096;
/// The same of a segment, of whose frames only whole ones can be read, however large they are.
[[nodiscard]] bool segment_holds_nothing(os& system, const std::string& path);

}  // namespace tcpinfo::collect

#endif
