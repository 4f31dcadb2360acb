// SPDX-License-Identifier: Apache-2.0
//
// Reads a segment of the output directory block by block, compressed as it is, also while it grows.
#ifndef TCPINFO_COLLECT_PUBLISHING_BLOCK_FILE_H
#define TCPINFO_COLLECT_PUBLISHING_BLOCK_FILE_H

#include <tcpinfo/bytes.h>
#include <tcpinfo/zstd.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <system_error>
#include <vector>

#include "collect/os/os.h"

namespace tcpinfo::collect {

struct found_block {
  enum class kind {
    block,
    end,      ///< no whole one is there (yet)
    damaged,  ///< from `offset` to `end` there is none, though there should be
  };
  kind what = kind::end;
  std::uint64_t offset = 0;
  std::uint64_t end = 0;       ///< offset behind it
  std::uint32_t number = 0;    ///< in its segment
  std::uint64_t checksum = 0;  ///< that it has in its head
  bool summaries = false;      ///< it has these, and no records
  bytes_view frame = {};       ///< until the next call
};

/// One thread. Memory: the largest frame so far, 8 MiB at most, and what decodes it. Throws
/// std::bad_alloc.
class block_file {
 public:
  /// @return ENOENT where it is gone
  [[nodiscard]] std::error_code open(os& system, const std::string& path);
  /// Bytes in it now; 0 where that cannot be known.
  [[nodiscard]] std::uint64_t size() const noexcept;
  /// Finds the next block from `offset` on, the beginning of a frame. Its content is decoded, so
  /// that nothing damaged is called a block. Skippable frames are passed over.
  /// @param whole whether nothing more is written to the file: then a frame that it ends in is
  /// damaged
  [[nodiscard]] std::error_code find(std::uint64_t offset, bool whole, found_block& out);

 private:
  [[nodiscard]] std::error_code fill(std::uint64_t offset, std::size_t least);
  [[nodiscard]] bytes_view at(std::uint64_t offset) const noexcept;
  [[nodiscard]] std::error_code look_into(bytes_view frame, found_block& out, bool& good);
  [[nodiscard]] std::error_code pass_damage(found_block& out);

  descriptor file_;
  std::vector<std::byte> buffer_;
  std::vector<std::byte> content_;
  std::uint64_t from_ = 0;  // offset of the buffer's first byte
  std::size_t size_ = 0;    // bytes in it
  stream_reader decoder_;
};

}  // namespace tcpinfo::collect

#endif
