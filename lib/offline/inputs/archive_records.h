// SPDX-License-Identifier: Apache-2.0
#ifndef TCPINFO_OFFLINE_INPUTS_ARCHIVE_RECORDS_H
#define TCPINFO_OFFLINE_INPUTS_ARCHIVE_RECORDS_H

#include <tcpinfo/archive.h>
#include <tcpinfo/segment.h>

#include <cstddef>
#include <cstdint>
#include <string>

#include "offline/inputs/fault_log.h"
#include "offline/inputs/input_context.h"
#include "offline/inputs/record.h"
#include "offline/inputs/remembered_contexts.h"
#include "offline/inputs/segment_damage.h"
#include "offline/inputs/sniffing/content.h"

namespace tcpinfo::offline {

/// The records of one file after the other: an archive, a line each, or a segment of many archives.
/// What is wrong goes to the log.
class archive_records {
 public:
  archive_records(fault_log& faults, std::size_t max_line, std::int32_t max_window_log);

  /// `from`, which was opened and must outlive the reading. `name`: of the file, or of the member
  /// of a tar. `segment`: by the content. @return whether there is something to read.
  [[nodiscard]] bool open(content& from, const std::string& name, bool segment);
  /// Of a segment, before the first next(): it is a part that is not the first one.
  void begin_within() { damage_.begin_within(); }
  /// The same: it is several parts, one behind the other.
  void pass_over_gaps() { damage_.pass_over_gaps(); }
  /// Whether a segment's metadata record is given again where its archive goes on.
  void repeat_metadata(bool repeats) { repeats_metadata_ = repeats; }
  [[nodiscard]] bool next(input_record& out);

 private:
  [[nodiscard]] bool is_segment() const noexcept { return is_segment_ || records_.is_segment(); }
  void take_fault(const std::error_code& ec);
  void begin_archive();
  void take_metadata();
  void take_message(input_record& out);
  void doubt_uuid(input_record& out);
  void end();

  fault_log& faults_;
  archive_reader_options options_;
  content* from_ = nullptr;
  record_reader records_;
  record parsed_;         // a line, or metadata
  segment_record as_is_;  // what a segment holds as a message; else without bytes
  context_pointer context_;
  segment_damage damage_;
  remembered_contexts remembered_;
  std::string path_;  // of the archive in a segment
  bool open_ = false;
  bool any_line_ = false;
  bool damaged_ = false;     // since the last metadata record
  bool is_segment_ = false;  // by its content's beginning, or its name
  bool partial_ = false;     // by its name
  bool begins_ = false;      // an archive, with the next record given
  bool goes_on_ = false;     // that one
  bool repeats_metadata_ = false;
};

}  // namespace tcpinfo::offline

#endif
