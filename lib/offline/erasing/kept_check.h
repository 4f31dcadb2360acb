// SPDX-License-Identifier: Apache-2.0
//
// Whether a new file holds what is kept of an old one, and nothing else.
#ifndef TCPINFO_OFFLINE_ERASING_KEPT_CHECK_H
#define TCPINFO_OFFLINE_ERASING_KEPT_CHECK_H

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "offline/erasing/erase_judge.h"
#include "offline/packing/archive_lines.h"
#include "offline/packing/segment_lines.h"

namespace tcpinfo::offline {

/// Reads both files as the lines of their archives and compares them: of archives byte for byte.
/// Archives in a segment may stand in another order, as its writer sorts them: compared are chained
/// hashes of the lines of each path, which nobody can make equal (path_key.h). Memory is some 80
/// bytes for each path.
class kept_check {
 public:
  kept_check(const std::vector<ip_prefix>& networks, const path_keys& keys,
             const connection_set& erased, carried_contexts& carried, std::int32_t max_window_log);

  /// `name`: whose name tells the connection. @return whether the lines of the file at `made` are
  /// those of `old` that are of no erased connection, in their order, and none of them is in the
  /// networks.
  [[nodiscard]] bool archives(const std::string& old, const std::string& made,
                              const std::string& name);
  /// The same of segments, in their order within each archive.
  [[nodiscard]] bool segments(int old, int made, const std::string& name);

 private:
  struct archive_side {
    archive_side(const std::vector<ip_prefix>& networks, const path_keys& keys,
                 carried_contexts& carried, std::int32_t max_window_log)
        : judge(networks, keys, carried), lines(max_window_log) {}
    erase_judge judge;
    archive_lines lines;
  };
  struct segment_side {
    segment_side(const std::vector<ip_prefix>& networks, const path_keys& keys,
                 carried_contexts& carried, std::int32_t max_window_log)
        : judge(networks, keys, carried), lines(max_window_log) {}
    [[nodiscard]] bool next(segment_line& line, judged& is, bool& damaged);
    erase_judge judge;
    segment_lines lines;
  };
  // The lines of one path so far, in the old file and in the new one.
  struct path_lines {
    path_key before;
    path_key after;
  };
  [[nodiscard]] path_key chained(const path_key& latest, std::string_view line);
  [[nodiscard]] bool is_erased(const judged& is) const {
    return is.owned && erased_.contains(is.owner);
  }

  const std::vector<ip_prefix>& networks_;
  const path_keys& keys_;
  const connection_set& erased_;
  carried_contexts& carried_;
  std::int32_t max_window_log_;
  std::string chain_;
};

}  // namespace tcpinfo::offline

#endif
