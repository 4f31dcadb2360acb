// SPDX-License-Identifier: Apache-2.0
//
// A connection takes over from its files of a former run when it began, and the last message: that
// completes a final record whose totals the kernel has cleared.
#ifndef TCPINFO_COLLECT_WRITING_FORMER_FILES_H
#define TCPINFO_COLLECT_WRITING_FORMER_FILES_H

#include <tcpinfo/cache.h>

#include <string>
#include <string_view>

#include "collect/os/descriptor.h"
#include "collect/os/os.h"
#include "collect/telemetry/statistics.h"
#include "collect/writing/flow_archive.h"
#include "collect/writing/sequence_index.h"
#include "collect/writing/snapshot_header.h"

namespace tcpinfo::collect {

/// One thread's. Throws std::bad_alloc.
class former_files {
 public:
  /// All outlive it.
  former_files(os& system, const std::string& output, const sequence_index& earlier,
               statistics& counts)
      : system_(system), output_(output), earlier_(earlier), counts_(counts) {}

  /// At the connection's first snapshot: its sequence goes on after the former files, and after
  /// what segments of earlier runs may hold of it; and it has begun when the files say. Nothing
  /// changes where there are none.
  void resume(flow_archive& flow, const snapshot_header& first, std::string_view uuid);
  /// A message as it is to be recorded: of a final one, what it lacks is taken from the message
  /// that resume() has kept, if any. Valid until the next call of either.
  [[nodiscard]] bytes_view completed(snapshot_header& header, bytes_view message);

 private:
  [[nodiscard]] descriptor open(const known_files& files, std::string_view uuid);
  void read_start(const known_files& files, std::string_view uuid, flow_archive& flow);
  void keep_last(const known_files& files, std::string_view uuid);

  os& system_;
  const std::string& output_;
  const sequence_index& earlier_;
  statistics& counts_;
  flow_table last_;  // message of the connection whose final record comes next
};

}  // namespace tcpinfo::collect

#endif
