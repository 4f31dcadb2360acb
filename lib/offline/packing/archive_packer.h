// SPDX-License-Identifier: Apache-2.0
//
// Turns the lines of archives into what a segment keeps of them.
#ifndef TCPINFO_OFFLINE_PACKING_ARCHIVE_PACKER_H
#define TCPINFO_OFFLINE_PACKING_ARCHIVE_PACKER_H

#include <tcpinfo/archive.h>
#include <tcpinfo/segment.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

#include "analysis/archive_summary.h"

namespace tcpinfo::offline {

/// Packs one archive after the other. A line that a segment would give back byte for byte is packed
/// as a record, any other as text.
class archive_packer {
 public:
  /// `flush`: called when the block is full; takes it out of the writer. What it returns ends the
  /// packing. `flush_summaries`: the same of the block of summaries.
  archive_packer(segment_writer& to, std::function<std::error_code()> flush,
                 std::function<std::error_code()> flush_summaries);

  /// Begins an archive. `path` and what add() is given must be valid until their call returns.
  /// @param lines how many it has
  /// @param packed how many of them segments have already: these are given to skip()
  void begin(std::string_view path, std::uint64_t lines, std::uint64_t packed);
  /// Instead of add() for the lines that are packed already.
  void skip(std::string_view line);
  /// `line`: an empty one, alone, keeps an archive that has none.
  /// @return what `flush` and the writer say: nothing of that line was packed then.
  [[nodiscard]] std::error_code add(std::string_view line);

  /// Adds the summary of what was packed of the latest archive since begin() or the latest call:
  /// behind its last line, and before a segment is finished.
  [[nodiscard]] std::error_code summarize();

  [[nodiscard]] std::uint64_t records() const noexcept { return records_; }
  [[nodiscard]] std::uint64_t text_lines() const noexcept { return text_lines_; }

 private:
  [[nodiscard]] bool take_metadata(std::string_view line);
  void forget_metadata();
  [[nodiscard]] bool is_record(std::string_view line);
  [[nodiscard]] bool gives_back(std::string_view line, const metadata& about);
  template <class Add>
  [[nodiscard]] std::error_code put(Add&& add);
  [[nodiscard]] std::error_code begin_in_block();
  void count_in_summary(bool parsed);

  segment_writer& to_;
  std::function<std::error_code()> flush_;
  std::function<std::error_code()> flush_summaries_;
  record_encoder encoder_;
  record parsed_;
  record first_;  // holds the texts of `about_`
  metadata about_;
  bool has_about_ = false;
  segment_archive archive_;
  std::string path_;
  std::uint32_t number_ = 0;
  bool begun_ = false;        // in the block that is being made
  bool other_order_ = false;  // the latest metadata says that messages are another machine's
  std::uint64_t lines_ = 0;
  std::uint64_t at_ = 0;  // lines so far
  message message_;
  record_extras extras_;
  std::string text_;
  std::optional<analysis::archive_summary> summary_;
  analysis::name_pool names_;
  analysis::message_eye eye_{names_};
  analysis::summary_room room_;
  bool all_known_ = true;  // what is to be in the summary
  bool is_later_ = false;  // earlier lines of the archive are in a segment before
  std::uint64_t records_ = 0;
  std::uint64_t text_lines_ = 0;
};

}  // namespace tcpinfo::offline

#endif
