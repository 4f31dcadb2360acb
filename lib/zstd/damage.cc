// SPDX-License-Identifier: Apache-2.0
#include "zstd/damage.h"

#include <algorithm>

#include <tcpinfo/error.h>

#include "zstd/find_frame.h"

namespace tcpinfo::inline v0 {

std::error_code judge_damage(input_window& input, std::uint64_t begin, std::uint64_t size,
                             const frame_extent& extent, std::error_code fault,
                             frame_damage& out) noexcept {
  const std::uint64_t end = begin + size;
  std::uint64_t found = no_frame;
  if (const auto ec = find_frame(input, begin + 1, end, begin, found)) return ec;
  if (found != no_frame) {
    // The checksum was read from the frame behind the cut.
    if (fault == errc::wrong_checksum) fault = errc::corrupt_frame;
    out = {found, found, fault};
    return {};
  }
  std::uint64_t stop_at = end;
  if (extent.end() != 0 && extent.head().has_checksum)
    stop_at = std::min(end, begin + extent.end() - checksum_size);
  out = {stop_at, std::max(end, begin + 1), fault};
  return {};
}

}  // namespace tcpinfo::inline v0
