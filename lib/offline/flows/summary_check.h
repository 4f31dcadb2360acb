// SPDX-License-Identifier: Apache-2.0
#ifndef TCPINFO_OFFLINE_FLOWS_SUMMARY_CHECK_H
#define TCPINFO_OFFLINE_FLOWS_SUMMARY_CHECK_H

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "analysis/archive_summary.h"
#include "analysis/name_pool.h"
#include "offline/inputs/inputs.h"

namespace tcpinfo::offline {

/// Holds the summaries of one segment after the other against its records. Memory is some 900 bytes
/// an archive in the segment.
class summary_check {
 public:
  explicit summary_check(std::int32_t max_window_log) : summaries_(max_window_log) {}

  /// Before the records of the file at `path` are read. @return whether there are summaries that
  /// readers would take in place of these.
  bool begin(const std::string& path);
  void take(const input_record& r);
  /// Behind the last record: calls `find` with what is wrong.
  void end(const std::function<void(std::string_view)>& find);

 private:
  struct archive {
    analysis::archive_summary said;
    analysis::archive_summary made;
    timestamp start_time;
    bool is_said = false;
  };

  segment_summaries summaries_;
  analysis::name_pool names_;
  analysis::message_eye eye_{names_};
  std::map<std::string, archive> archives_;  // by UUID and sequence
  context_pointer context_;
  archive* latest_ = nullptr;  // of context_
  bool on_ = false;
};

}  // namespace tcpinfo::offline

#endif
