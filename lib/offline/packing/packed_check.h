// SPDX-License-Identifier: Apache-2.0
//
// Whether segments hold what the files say that they were made of.
#ifndef TCPINFO_OFFLINE_PACKING_PACKED_CHECK_H
#define TCPINFO_OFFLINE_PACKING_PACKED_CHECK_H

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "offline/packing/archive_lines.h"
#include "offline/packing/pack_inputs.h"
#include "offline/packing/segment_lines.h"

namespace tcpinfo::offline {

/// Reads segments back, and compares each archive in them with its file, line by line. What it
/// finds it writes into the table. Memory is that of both readers.
class packed_check {
 public:
  struct calls {
    /// A fault of the segment; record number, or 0.
    archive_lines::tell fault;
    /// An archive was compared as far as this segment has it.
    std::function<void(const std::string& path, pack_entry& entry)> compared;
  };

  packed_check(const pack_inputs& inputs, const path_keys& keys, pack_table& table,
               std::int32_t max_window_log);

  /// Compares what the segment at `fd` holds. Of archives that the table does not know, those are
  /// compared of which there is a file.
  void read(int fd, const calls& told);

 private:
  void begin(const segment_line& line);
  void compare(std::string_view text);
  void leave(const calls& told);

  const pack_inputs& inputs_;
  const path_keys& keys_;
  pack_table& table_;
  segment_lines segment_;
  archive_lines file_;
  std::string path_;
  pack_entry* entry_ = nullptr;  // null: not compared
  bool open_ = false;            // file_
  bool same_ = false;
};

}  // namespace tcpinfo::offline

#endif
