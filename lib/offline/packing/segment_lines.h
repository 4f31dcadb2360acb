// SPDX-License-Identifier: Apache-2.0
//
// What a segment holds, as the lines of its archives.
#ifndef TCPINFO_OFFLINE_PACKING_SEGMENT_LINES_H
#define TCPINFO_OFFLINE_PACKING_SEGMENT_LINES_H

#include <tcpinfo/archive.h>
#include <tcpinfo/segment.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>

namespace tcpinfo::offline {

/// A line of an archive. Views are valid until the next one is read.
struct segment_line {
  std::string_view path;  ///< the archive's
  std::string_view text;  ///< with its end
  bool begins = false;    ///< the first one here since another archive's, or since another block
  bool goes_on = false;   ///< where it begins: earlier lines of the archive stand before
};

/// Reads one segment after the other; its buffers are used again.
class segment_lines {
 public:
  explicit segment_lines(std::int32_t max_window_log);

  /// Reads from where `fd` stands, which stays the caller's.
  [[nodiscard]] std::error_code open(int fd);
  /// The next line; of an archive that begins, its metadata first. As segment_reader::next().
  [[nodiscard]] std::error_code next(segment_line& out, bool& more);
  /// The metadata line of the archive of the latest line; empty where it has none.
  [[nodiscard]] const std::string& first_line() const noexcept { return first_line_; }
  /// What is wrong, in words.
  [[nodiscard]] std::string describe(const std::error_code& ec) const;

  [[nodiscard]] const segment_reader& reader() const noexcept { return reader_; }

 private:
  [[nodiscard]] std::error_code give(segment_line& out);

  segment_reader_options options_;
  segment_reader reader_;
  record_encoder encoder_;
  segment_record record_;
  bool held_ = false;  // record_ was read, and the metadata before it was given
  std::string first_line_;
  std::string text_;
};

}  // namespace tcpinfo::offline

#endif
