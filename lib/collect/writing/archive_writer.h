// SPDX-License-Identifier: Apache-2.0
//
// Puts flow logs into files: compresses, appends whole frames, begins new sequences.
#ifndef TCPINFO_COLLECT_WRITING_ARCHIVE_WRITER_H
#define TCPINFO_COLLECT_WRITING_ARCHIVE_WRITER_H

#include <tcpinfo/zstd.h>

#include <cstddef>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "collect/writing/archive_path.h"
#include "collect/writing/flow_log.h"
#include "collect/writing/former_files.h"
#include "collect/writing/frame_text.h"
#include "collect/writing/question.h"
#include "collect/writing/writer_context.h"

namespace tcpinfo::collect {

/// One thread's. Never throws but std::bad_alloc.
class archive_writer {
 public:
  explicit archive_writer(const writer_context& context)
      : context_(context),
        former_(context.system, context.settings.output, context.earlier, context.counts),
        path_(context.settings.output, context.prefixes),
        text_(context.who) {}

  [[nodiscard]] std::error_code open();

  /// Sets up a connection at its first snapshot, going on after files of an earlier run.
  void begin(flow_log& flow, const snapshot_header& first, bytes_view message);
  /// Adds a snapshot. A new file begins where the connection's file is old enough, or where the
  /// socket has another remote end, and where the clock was stepped back to the day before.
  void add(flow_log& flow, const snapshot_header& header, bytes_view message, std::int64_t now_ns);
  /// Whether enough waits for a frame that compresses well.
  [[nodiscard]] static bool is_full(const flow_log& flow) noexcept;
  /// Writes what waits. False: it still waits, and the fault is counted and said.
  [[nodiscard]] bool flush(flow_log& flow);
  /// Flushes and hands the file over to the finalizer; what comes next goes to the next sequence.
  /// False: as flush.
  [[nodiscard]] bool hand_over(flow_log& flow);
  /// Gives up what waits, counting it as lost and saying why ("… and {why}").
  void drop_waiting(flow_log& flow, std::string_view why);
  /// The complete name of the file that the latest call worked on.
  [[nodiscard]] const std::string& last_file() const noexcept { return path_.complete(); }
  /// Says where the flow's records are, and those that wait: the metadata record and the latest
  /// ones, most_asked_records at most.
  void tell(const flow_log& flow, recent_answer::flow& out);

 private:
  [[nodiscard]] std::error_code write_frame(flow_log& flow);
  [[nodiscard]] std::error_code choose_sequence(flow_log& flow);
  void hand_over_written(flow_log& flow);
  void take_away(flow_log& flow, const frame_text::portion& written);
  void next_file(flow_log& flow);
  [[nodiscard]] std::int64_t oldest_waiting_ns(const flow_log& flow) const;

  const writer_context& context_;
  former_files former_;
  archive_path path_;  // of the file last worked on
  frame_text text_;
  frame_writer frames_;
  std::vector<std::byte> frame_;
};

}  // namespace tcpinfo::collect

#endif
