// SPDX-License-Identifier: Apache-2.0
//
// What is remembered of a file that grows.
#ifndef TCPINFO_OFFLINE_INPUTS_FOLLOWING_FILE_TAIL_H
#define TCPINFO_OFFLINE_INPUTS_FOLLOWING_FILE_TAIL_H

#include <tcpinfo/bytes.h>
#include <tcpinfo/zstd.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace tcpinfo::offline {

/// How far a file has been read. Some hundred bytes: there may be as many as open connections.
struct file_tail {
  std::uint64_t offset = 0;     ///< of the first frame that has not been read
  std::uint64_t lines = 0;      ///< read so far, good or bad
  std::uint64_t skipped = 0;    ///< so many of them are in a file that was written anew, and not to
                                ///< be read again
  std::uint64_t inode = 0;      ///< of the file that `offset` is in; 0: none was opened
  std::vector<std::byte> head;  ///< of an archive: its metadata record, as a frame or a line
  /// For who reads: whether the connection's records before were wanted.
  std::optional<bool> wanted;
  bool is_over = false;  ///< the file's name is another file's now, in which nothing is new
};

/// How much of `bytes` can be read now: whole frames, of a text whole lines. What is behind is not
/// written yet. Damage is no reason to wait.
[[nodiscard]] std::size_t readable_now(bytes_view bytes);

}  // namespace tcpinfo::offline

#endif
