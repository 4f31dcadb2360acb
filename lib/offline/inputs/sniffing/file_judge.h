// SPDX-License-Identifier: Apache-2.0
//
// Whether a file that nobody named, and whose name is not a collector's, is to be read: one in a
// directory, or in a tar.
#ifndef TCPINFO_OFFLINE_INPUTS_SNIFFING_FILE_JUDGE_H
#define TCPINFO_OFFLINE_INPUTS_SNIFFING_FILE_JUDGE_H

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "offline/inputs/sniffing/content.h"

namespace tcpinfo::offline {

enum class judgement : std::uint8_t {
  ours,     ///< by its content
  damaged,  ///< its name says that it is ours, and its content is damaged, cut or empty
  unread,   ///< an archive by its name, in a format that is not read
  other,    ///< data, and sound, but not ours
  nothing,  ///< neither its name nor its content takes it for data: notes, tables
};

/// What `of`, which was opened and is of `kind`, is under this name. A tar's members are not looked
/// at.
[[nodiscard]] judgement judge_content(std::string_view name, content& of, content_kind kind,
                                      bool captures);

/// Opens one file after the other; its buffers are used again.
class file_judge {
 public:
  /// A frame of a larger window than is allowed is damaged: it cannot be looked into.
  file_judge(bool captures, std::int32_t max_window_log);
  ~file_judge();
  file_judge(const file_judge&) = delete;
  file_judge& operator=(const file_judge&) = delete;

  /// Of a tar as much is read as it takes to find the first archive. One that cannot be opened is
  /// damaged.
  [[nodiscard]] judgement judge(const std::string& path);

 private:
  struct impl;
  std::unique_ptr<impl> impl_;
};

}  // namespace tcpinfo::offline

#endif
