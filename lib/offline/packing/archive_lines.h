// SPDX-License-Identifier: Apache-2.0
//
// The text of one archive, line by line and byte for byte, whatever its condition.
#ifndef TCPINFO_OFFLINE_PACKING_ARCHIVE_LINES_H
#define TCPINFO_OFFLINE_PACKING_ARCHIVE_LINES_H

#include <sys/stat.h>
#include <tcpinfo/archive.h>
#include <tcpinfo/zstd.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "common/descriptor.h"

namespace tcpinfo::offline {

/// Tells files apart that had the same name: a number of device, file, size and times of writing.
[[nodiscard]] std::uint64_t identity_of(const struct stat& st);

/// Opens one archive after the other; its buffers are used again. It is looked through as a whole
/// first, so that it is known what of it can be trusted before a line of it is given. Memory is
/// that of stream_reader and one line, of at most max_segment_line.
///
/// What is whole is given as it is, whether it is a record or not. Of a damaged file whole lines
/// are given: not those of a zstd frame that decodes to something else than what was written, and
/// what is next to a place where something is missing only where it is a record.
class archive_lines {
 public:
  /// Hears what is wrong: behind which line, 0 where the file as a whole is meant.
  using tell = std::function<void(std::uint64_t line, std::string_view what)>;

  explicit archive_lines(std::int32_t max_window_log);

  /// @return whether its lines can be kept; where not, that was told.
  [[nodiscard]] bool open(const std::string& path, const tell& on_fault);
  /// The next line, with its end; valid until the next call. @return false at the end.
  [[nodiscard]] bool next(std::string_view& line);
  void close();

  /// The errno with which the latest open() failed, or 0.
  [[nodiscard]] int error() const noexcept { return error_; }
  // Of the archive that is open.
  [[nodiscard]] bool damaged() const noexcept { return damaged_; }
  /// Also where open() found nothing to keep: nothing is wrong with it but that the last frame is
  /// not there as a whole.
  [[nodiscard]] bool cut_at_end() const noexcept { return cut_at_end_; }
  [[nodiscard]] std::uint64_t lines() const noexcept { return lines_; }
  /// Bytes of its text that next() does not give.
  [[nodiscard]] std::uint64_t left_out() const noexcept { return text_bytes_ - kept_bytes_; }
  [[nodiscard]] std::uint64_t stored_bytes() const noexcept { return stored_bytes_; }
  [[nodiscard]] std::uint64_t identity() const noexcept { return identity_; }

 private:
  enum class step : std::uint8_t { line, fault, too_long, end };

  [[nodiscard]] std::error_code rewind();
  [[nodiscard]] step read_line();
  void take(std::size_t size);
  [[nodiscard]] bool look_through(const tell& on_fault);
  [[nodiscard]] bool bears(const std::error_code& fault) const;
  void note_untrusted();
  [[nodiscard]] std::string_view refused_by_content() const;
  [[nodiscard]] bool keeps();

  stream_options options_;
  stream_reader stream_;
  descriptor file_;
  std::vector<std::byte> buffer_;
  std::size_t at_ = 0;
  std::size_t filled_ = 0;
  std::string begun_;  // of a line that reaches beyond the buffer
  bool begun_given_ = false;

  // The latest line, and where it stands in the text.
  std::string_view line_;
  std::uint64_t line_from_ = 0;
  std::uint64_t line_to_ = 0;
  std::uint64_t line_number_ = 0;
  bool cut_ = false;   // what follows it is missing
  bool torn_ = false;  // what stood before it is missing
  bool next_torn_ = false;
  std::error_code fault_;  // of the stream, behind what was read
  bool ended_ = false;

  // What is known since open().
  int error_ = 0;
  bool damaged_ = false;
  bool cut_at_end_ = false;
  std::uint64_t lines_ = 0;
  std::uint64_t text_bytes_ = 0;
  std::uint64_t kept_bytes_ = 0;
  std::uint64_t stored_bytes_ = 0;
  std::uint64_t identity_ = 0;
  std::uint64_t not_whole_ = 0;  // bytes so far that were in no whole frame
  std::vector<std::pair<std::uint64_t, std::uint64_t>> untrusted_;
  std::size_t untrusted_at_ = 0;
  record parsed_;
};

}  // namespace tcpinfo::offline

#endif
