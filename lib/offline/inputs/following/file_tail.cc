// SPDX-License-Identifier: Apache-2.0
#include "offline/inputs/following/file_tail.h"

#include <algorithm>

namespace tcpinfo::offline {

std::size_t readable_now(bytes_view bytes) {
  frame_scan scan;
  if (scan_frames(bytes, scan)) return 0;
  if (scan.is_zstd) {
    const bool waits = scan.whole_end > 0 || scan.fault == errc::ok ||
                       scan.fault == errc::truncated_frame || scan.fault == errc::out_of_memory;
    return waits ? static_cast<std::size_t>(scan.whole_end) : bytes.size();
  }
  const auto last = std::find(bytes.rbegin(), bytes.rend(), std::byte{'\n'});
  return static_cast<std::size_t>(bytes.rend() - last);
}

}  // namespace tcpinfo::offline
