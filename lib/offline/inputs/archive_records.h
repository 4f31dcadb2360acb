// SPDX-License-Identifier: Apache-2.0
#ifndef TCPINFO_OFFLINE_INPUTS_ARCHIVE_RECORDS_H
#define TCPINFO_OFFLINE_INPUTS_ARCHIVE_RECORDS_H

#include <tcpinfo/archive.h>

#include <cstddef>
#include <cstdint>

#include "offline/inputs/fault_log.h"
#include "offline/inputs/input_context.h"
#include "offline/inputs/record.h"
#include "offline/inputs/sniffing/content.h"

namespace tcpinfo::offline {

/// The records of one archive after the other: a line each. What is wrong goes to the log.
class archive_records {
 public:
  archive_records(fault_log& faults, std::size_t max_line, std::int32_t max_window_log);

  /// `from`, which was opened and must outlive the reading. @return whether there is something to
  /// read.
  [[nodiscard]] bool open(content& from, context_pointer context);
  [[nodiscard]] bool next(input_record& out);

 private:
  void take_metadata();
  void take_message(input_record& out);
  void doubt_uuid(input_record& out);

  fault_log& faults_;
  archive_reader_options options_;
  content* from_ = nullptr;
  archive_reader archive_;
  record parsed_;
  context_pointer context_;
  bool open_ = false;
  bool any_line_ = false;
  bool damaged_ = false;  // since the last metadata record
};

}  // namespace tcpinfo::offline

#endif
