// SPDX-License-Identifier: Apache-2.0
//
// Writes a .part file of many small frames anew as one of few large ones. Small frames are for
// crash safety while a file grows; of a connection with one record every 4 s, frames of 5 s take
// 47 bytes a record, and one frame takes 18.
#ifndef TCPINFO_COLLECT_WRITING_FRAME_REWRITER_H
#define TCPINFO_COLLECT_WRITING_FRAME_REWRITER_H

#include <tcpinfo/zstd.h>

#include <cstddef>
#include <string_view>
#include <system_error>
#include <vector>

#include "collect/os/os.h"
#include "collect/writing/part_file.h"

namespace tcpinfo::collect {

/// Whether the file gets smaller by it.
[[nodiscard]] bool pays_to_rewrite(const part_file& file) noexcept;

/// One thread. Throws std::bad_alloc.
class frame_rewriter {
 public:
  frame_rewriter(os& system, int level) : system_(system), level_(level) {}

  /// From now on segments are not joined.
  void keep_blocks() noexcept { keep_blocks_ = true; }
  /// pays_to_rewrite(), as far as it may.
  [[nodiscard]] bool pays(const part_file& file) const noexcept;

  /// Makes the copy (copy_name), and sets its size and frames in `file`.
  /// @param unreadable whether it is the file that is at fault, and not the making of the copy
  [[nodiscard]] std::error_code rewrite(part_file& file, bool& unreadable);

 private:
  [[nodiscard]] std::error_code rewrite_segment(part_file& file, bool& unreadable);
  [[nodiscard]] std::error_code copy_as_it_is(part_file& file, bool& unreadable);
  [[nodiscard]] std::error_code append_frame(const std::string& path,
                                             std::span<const std::byte> text, std::uint64_t& size);

  os& system_;
  const int level_;
  bool keep_blocks_ = false;
  stream_reader reader_;
  frame_writer frames_;
  std::vector<std::byte> frame_;
  std::vector<std::byte> text_;
};

}  // namespace tcpinfo::collect

#endif
