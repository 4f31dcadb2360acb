// SPDX-License-Identifier: Apache-2.0
//
// Whether a file that nobody named, and whose name is not a collector's, is to be read.
#ifndef TCPINFO_OFFLINE_INPUTS_LOOK_H
#define TCPINFO_OFFLINE_INPUTS_LOOK_H

#include <memory>
#include <string>

#include "offline/inputs/content_kind.h"

namespace tcpinfo::offline {

/// By what it holds. `head`: what an archive begins with. Not of a tar.
[[nodiscard]] bool is_ours(content_kind kind, bytes_view head, bool captures) noexcept;

enum class looked : std::uint8_t {
  ours,
  other,    ///< a capture that is not wanted, or a tar without archives
  foreign,  ///< in a format that is not read: whether there are archives in it nobody knows
  unknown,
  closed,  ///< it cannot be opened
};

/// Opens one file after the other; its buffers are used again.
class onlooker {
 public:
  explicit onlooker(bool captures);
  ~onlooker();
  onlooker(const onlooker&) = delete;
  onlooker& operator=(const onlooker&) = delete;

  /// Of a tar as much is read as it takes to find the first archive.
  [[nodiscard]] looked look(const std::string& path);

 private:
  struct impl;
  std::unique_ptr<impl> impl_;
};

}  // namespace tcpinfo::offline

#endif
