// SPDX-License-Identifier: Apache-2.0
#ifndef TCPINFO_OFFLINE_INPUTS_TAR_ARCHIVES_H
#define TCPINFO_OFFLINE_INPUTS_TAR_ARCHIVES_H

#include <cstdint>
#include <string>

#include "offline/inputs/fault_log.h"
#include "offline/inputs/sniffing/content.h"
#include "offline/inputs/sources/tar_members.h"

namespace tcpinfo::offline {

/// The members of a tar that are to be read, one after the other. Of the others the log is told how
/// many there are. Only where reads_tar().
class tar_archives {
 public:
  /// `captures`: captures are to be read, too.
  tar_archives(fault_log& faults, bool captures, std::int32_t max_window_log)
      : faults_(faults), captures_(captures), member_(max_window_log) {}

  /// `from` must outlive the reading. `path`: as faults call the tar.
  void open(byte_source& from, std::string path);
  /// Opens the next member, which becomes the log's part. @return false at the end: all that is
  /// wrong with the tar has been told then.
  [[nodiscard]] bool next(content_kind& kind);

  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  [[nodiscard]] content& member() noexcept { return member_; }

 private:
  struct group {
    std::uint64_t files = 0;
    std::string first;
    void add(const std::string& name) {
      if (files++ == 0) first = name;
    }
  };
  void tell_end();

  fault_log& faults_;
  bool captures_;
  std::string path_;
  std::string name_;
  tar_members members_;
  content member_;
  std::uint64_t read_ = 0;
  group passed_;
  group unread_;
};

}  // namespace tcpinfo::offline

#endif
