// SPDX-License-Identifier: Apache-2.0
//
// Reads a file with a judgement of each of its lines.
#ifndef TCPINFO_OFFLINE_ERASING_ERASE_READER_H
#define TCPINFO_OFFLINE_ERASING_ERASE_READER_H

#include <tcpinfo/segment.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/descriptor.h"
#include "offline/erasing/erase_judge.h"
#include "offline/packing/archive_lines.h"

namespace tcpinfo::offline {

/// A line of an archive, or a record of a segment. Views are valid until the next one is read.
struct erase_item {
  judged is;
  std::string_view line;                   ///< of a segment's record of a message empty
  const segment_record* record = nullptr;  ///< of a segment
};

/// Reads archives and segments one after the other, whichever they are by their content; its
/// buffers are used again. One thread at a time.
class erase_reader {
 public:
  erase_reader(erase_judge& judge, std::int32_t max_window_log);

  /// Hears what is wrong, as archive_lines has it. `name`: whose name tells the connection.
  /// @return whether there is something to read; where not, that was told.
  [[nodiscard]] bool open(const std::string& path, const std::string& name,
                          archive_lines::tell on_fault);
  /// @return false at the end.
  [[nodiscard]] bool next(erase_item& out);
  void close();

  // Of the file that is open.
  [[nodiscard]] bool is_segment() const noexcept { return is_segment_; }
  /// Of a segment.
  [[nodiscard]] const segment_reader& segment() const noexcept { return segment_; }
  /// Of a segment: its metadata with the archive that begins with the latest record.
  [[nodiscard]] const judged& about() const noexcept { return about_; }
  /// Something in it is damaged, so far: that was told.
  [[nodiscard]] bool damaged() const noexcept { return damaged_; }
  /// At its end, or where open() failed: nothing is wrong but that its last frame is not there as a
  /// whole.
  [[nodiscard]] bool cut_at_end() const noexcept {
    return is_segment_ ? cut_at_end_ : lines_.cut_at_end();
  }
  /// So far: it has what cannot be read here, and would be by another version or with more memory.
  [[nodiscard]] bool beyond_us() const noexcept { return beyond_us_; }
  /// At its end: all of it was read that can be. What is damaged is not, nor what is beyond us.
  [[nodiscard]] bool complete() const noexcept {
    return is_segment_ ? !beyond_us_ : number_ == lines_.lines();
  }
  [[nodiscard]] std::uint64_t stored_bytes() const noexcept { return stored_bytes_; }
  [[nodiscard]] std::uint64_t identity() const noexcept { return identity_; }
  /// The number of the latest line or record.
  [[nodiscard]] std::uint64_t number() const noexcept;

 private:
  [[nodiscard]] bool open_segment(const std::string& path);
  [[nodiscard]] bool next_of_segment(erase_item& out);

  erase_judge& judge_;
  std::int32_t max_window_log_;
  archive_lines lines_;
  archive_lines::tell on_fault_;
  descriptor file_;
  segment_reader segment_;
  segment_record record_;
  judged about_;
  bool is_segment_ = false;
  bool damaged_ = false;
  bool beyond_us_ = false;
  bool cut_at_end_ = false;  // of a segment
  std::uint64_t stored_bytes_ = 0;
  std::uint64_t identity_ = 0;
  std::uint64_t number_ = 0;
};

}  // namespace tcpinfo::offline

#endif
