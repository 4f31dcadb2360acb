// SPDX-License-Identifier: Apache-2.0
//
// Writes a .part file that is a segment of many small blocks anew, with few large ones. Small
// blocks are for crash safety: under a low load one is written every --flush, and each says anew
// what its archives are and whole messages of them, where a large block says it once.
#ifndef TCPINFO_COLLECT_WRITING_SEGMENT_JOIN_H
#define TCPINFO_COLLECT_WRITING_SEGMENT_JOIN_H

#include <tcpinfo/segment.h>

#include <cstdint>
#include <string>
#include <system_error>
#include <unordered_map>

#include "collect/os/os.h"
#include "collect/writing/part_file.h"

namespace tcpinfo::collect {

/// Whether the segment gets smaller by it, enough for the work: its blocks are small and several,
/// and it is larger than a block of the disk.
[[nodiscard]] bool pays_to_join(const part_file& file) noexcept;

/// Whether that is the error of a segment that has to stay as it is: one of its blocks is damaged
/// or missing, which those behind it tell, or is of a version or a kind that is not known here.
[[nodiscard]] bool cannot_be_joined(const std::error_code& ec) noexcept;

/// One join. Memory: a reader's and a writer's of a few MiB, as long as it lives. Throws
/// std::bad_alloc.
class segment_join {
 public:
  /// @param level of compression
  segment_join(os& system, int level) : system_(system), level_(level) {}

  /// Makes the copy (copy_name): the same records in the same order within each archive, the same
  /// summaries behind them, and an index. Sets its size and frames in `file`.
  /// @param unreadable whether the file cannot be read as it was written
  /// @return for one that cannot_be_joined(), what that says; else errors of reading and writing
  [[nodiscard]] std::error_code join(part_file& file, bool& unreadable);

 private:
  template <class Item>
  [[nodiscard]] std::error_code take_all(const part_file& file,
                                         std::error_code (segment_reader::*next)(Item&,
                                                                                 bool&) noexcept,
                                         bool& unreadable);
  [[nodiscard]] std::error_code take(const segment_record& record);
  [[nodiscard]] std::error_code take(const segment_summary& summary);
  [[nodiscard]] std::error_code add(const segment_record& record);
  [[nodiscard]] std::error_code begin_archive();
  [[nodiscard]] std::error_code flush();
  [[nodiscard]] std::error_code flush_summaries();
  [[nodiscard]] std::error_code append(bytes_view bytes);
  void identify(const segment_archive& archive);

  os& system_;
  const int level_;
  std::string copy_;
  std::uint64_t size_ = 0;  // of the copy
  segment_reader reader_;
  segment_writer writer_;
  // The archives that have records which are to be flushed, by path and metadata.
  std::unordered_map<std::string, std::uint32_t> archives_;
  // Of the record that is being taken.
  std::string archive_;
  std::uint32_t number_ = 0;
  bool begun_ = false;  // there are records of it in the copy
};

}  // namespace tcpinfo::collect

#endif
