// SPDX-License-Identifier: Apache-2.0
//
// How far one target has acknowledged what lies in the output directory: of each writer of each run
// a position. It is kept in a file there, so that the next run goes on where this one, or a power
// cut, has ended it.
#ifndef TCPINFO_COLLECT_PUBLISHING_CURSOR_H
#define TCPINFO_COLLECT_PUBLISHING_CURSOR_H

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <system_error>

#include "collect/os/os.h"

namespace tcpinfo::collect {

/// A writer of a run: all its segments, one after the other.
struct stream_key {
  std::string stem;  ///< segment_stem(): host, start and number of the run
  std::uint64_t writer = 0;
  [[nodiscard]] auto operator<=>(const stream_key&) const = default;
};

/// All before it is acknowledged, but for what could not be read.
struct stream_position {
  std::uint64_t segment = 0;  ///< its number
  std::uint64_t offset = 0;   ///< in it
  std::uint64_t block = 0;    ///< number of the block there, or behind it
  /// Segments before it that could not be read to their end.
  std::set<std::uint64_t> unread = {};
  [[nodiscard]] bool operator==(const stream_position&) const = default;
};

using stream_positions = std::map<stream_key, stream_position>;

/// One thread. Throws std::bad_alloc.
class cursor {
 public:
  /// @param name of the target, which the file holds and is named by
  cursor(os& system, const std::string& output, std::string_view name);

  /// Reads the file; one that is not there says that nothing is acknowledged.
  /// @return EBADMSG where it is no cursor of this target
  [[nodiscard]] std::error_code load(stream_positions& out);
  /// Writes the file anew, waits until that is on stable storage, and renames it over the old one.
  [[nodiscard]] std::error_code save(const stream_positions& positions);

  [[nodiscard]] const std::string& path() const noexcept { return path_; }

 private:
  os& system_;
  const std::string name_;
  const std::string path_;
};

/// The file's content, and back: false where it is none, or another target's.
[[nodiscard]] std::string cursor_text(std::string_view name, const stream_positions& positions);
[[nodiscard]] bool parse_cursor(std::string_view text, std::string_view name,
                                stream_positions& out);

}  // namespace tcpinfo::collect

#endif
