// SPDX-License-Identifier: Apache-2.0
//
// Writes what is kept of an archive or segment into a new file.
#ifndef TCPINFO_OFFLINE_ERASING_KEPT_COPY_H
#define TCPINFO_OFFLINE_ERASING_KEPT_COPY_H

#include <tcpinfo/segment.h>
#include <tcpinfo/zstd.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "offline/erasing/erase_judge.h"

namespace tcpinfo::offline {

/// The lines of an archive, as frames of zstd or plain.
class archive_copy {
 public:
  /// `fd` stays the caller's. @return an error, as all here.
  [[nodiscard]] std::error_code begin(int fd, bool packed);
  [[nodiscard]] std::error_code add(std::string_view line);
  [[nodiscard]] std::error_code finish();

 private:
  [[nodiscard]] std::error_code write();

  int fd_ = -1;
  bool packed_ = false;
  std::string text_;
  frame_writer frames_;
  std::vector<std::byte> frame_;
};

/// The records of a segment, in blocks as they were. Blocks of other kinds, summaries above all,
/// are not written: they may tell of what is erased.
class segment_copy {
 public:
  explicit segment_copy(const path_keys& keys) : keys_(keys) {}

  [[nodiscard]] std::error_code begin(int fd);
  /// The latest record of `from`. Call it, or skip(), for each. `about`: whether the metadata of
  /// its archive is kept.
  [[nodiscard]] std::error_code add(const segment_reader& from, const segment_record& r,
                                    bool about);
  void skip(const segment_reader& from, const segment_record& r);
  /// `index`: as a segment that is complete has one.
  [[nodiscard]] std::error_code finish(bool index);

 private:
  [[nodiscard]] std::error_code flush();
  [[nodiscard]] std::error_code begin_archive(const segment_archive& a, bool about);

  const path_keys& keys_;
  int fd_ = -1;
  segment_writer writer_;
  std::uint64_t blocks_ = 0;        // of what is read
  std::uint32_t number_ = 0;        // of the archive in the block
  bool begun_ = false;              // that one
  bool goes_on_ = false;            // what begins next: earlier lines of it were written
  connection_set beginnings_lost_;  // archives, by their paths, whose first lines were skipped
};

}  // namespace tcpinfo::offline

#endif
