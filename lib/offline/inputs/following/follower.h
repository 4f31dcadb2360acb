// SPDX-License-Identifier: Apache-2.0
//
// The records that a collector writes now, as they are flushed.
#ifndef TCPINFO_OFFLINE_INPUTS_FOLLOWING_FOLLOWER_H
#define TCPINFO_OFFLINE_INPUTS_FOLLOWING_FOLLOWER_H

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "offline/inputs/following/file_tail.h"
#include "offline/inputs/following/folder_watch.h"
#include "offline/inputs/held_file.h"
#include "offline/inputs/reader.h"
#include "offline/inputs/record.h"
#include "offline/inputs/window_limit.h"

namespace tcpinfo::offline {

struct follow_reading {
  bool from_start = false;  ///< also what is there when it begins
  std::int32_t max_window_log = usual_window_log;
  bool all_faults = false;  ///< tell each of many faults of a kind
};

/// Reads what is added to the archives and segments in a folder and in all folders below it, each
/// record once: from files that grow (.part), and from those that became complete before they were
/// seen to grow. A frame that is not whole yet is waited for. A file that is complete has another
/// name, and perhaps other frames: by the number of its lines it goes on where the growing one was
/// left; a growing segment stays open, and is read to its end. Memory is some hundred bytes for
/// each growing file. One thread.
class follower {
 public:
  /// `wanted` is of the file, for the caller's own use. @return false to stop.
  using record_callback = std::function<bool(input_record& r, std::optional<bool>& wanted)>;

  follower(std::string folder, const follow_reading& options, record_callback on_record,
           fault_callback on_fault);

  /// Looks at what is there. Records that come meanwhile are there, too.
  /// @return false where the folder cannot be read (which was told), and when it was stopped.
  [[nodiscard]] bool begin();
  /// Reads what was added since the last call.
  /// @return false when the folder is gone (which was told), and when it was stopped.
  [[nodiscard]] bool take();
  /// As folder_watch's.
  [[nodiscard]] int descriptor() const noexcept { return watch_.descriptor(); }
  [[nodiscard]] std::int64_t due_ns() const noexcept { return watch_.due_ns(); }

 private:
  struct growing {
    file_tail tail;
    held_file held;  // of a segment
  };
  void hear(const std::string& path, file_change change);
  bool hear_fault(const input_fault& f);
  void begin_round();
  void read_growing(const std::string& name);
  void read_complete(const std::string& name, growing& g);
  void read_whole(const std::string& name);
  void read_on(int fd, const std::string& path, file_tail& tail, bool is_complete);
  void feed(const std::string& path, file_tail& tail, bytes_view bytes);
  void keep_head(file_tail& tail, const record& metadata, bool plain);
  [[nodiscard]] bool is_new(const std::string& path) const;
  void finish(const std::string& name);
  [[nodiscard]] bool is_finished(const std::string& name) const;

  record_callback on_record_;
  fault_callback on_fault_;
  std::string folder_;
  folder_watch watch_;
  input_reader reader_;
  input_record record_;
  frame_writer frames_;
  std::vector<std::byte> buffer_;
  std::string line_;
  std::unordered_map<std::string, growing> growing_;  // by the name without .part
  // Names that were read to their end lately, as numbers: they are not read again.
  std::unordered_set<std::size_t> finished_;
  std::unordered_set<std::size_t> finished_before_;
  std::int64_t turned_ns_ = 0;  // when these two were turned over
  std::int64_t round_ns_ = 0;   // when this round began, and
  std::int64_t before_ns_ = 0;  // the one before: files last written to earlier are not new
  bool tells_ = false;          // records are told, not passed over
  bool begun_ = false;
  bool stopped_ = false;
  std::uint64_t first_line_ = 0;   // of what is read, less one
  std::uint64_t known_lines_ = 0;  // lines of it that were told of before
  std::uint64_t last_line_ = 0;    // that something was told of
};

}  // namespace tcpinfo::offline

#endif
