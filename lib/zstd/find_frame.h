// SPDX-License-Identifier: Apache-2.0
//
// Where reading can go on behind damage.
#ifndef TCPINFO_ZSTD_FIND_FRAME_H
#define TCPINFO_ZSTD_FIND_FRAME_H

#include <cstdint>
#include <limits>
#include <system_error>

#include "zstd/input_window.h"

namespace tcpinfo::inline v0 {

inline constexpr std::uint64_t no_frame = std::numeric_limits<std::uint64_t>::max();

/// Looks for a frame that begins at `from` or behind it, before `limit`. A magic number alone is
/// four bytes that may stand anywhere, so the header behind it has to be plausible; a skippable
/// frame, which has no more to show than its length, has to end where another frame begins or the
/// input ends, within 64 KiB.
/// @param hold what the window must keep, if that is before what is looked at.
/// @param found the frame's offset, or no_frame.
/// @return the errno of read(2).
[[nodiscard]] std::error_code find_frame(input_window& input, std::uint64_t from,
                                         std::uint64_t limit, std::uint64_t hold,
                                         std::uint64_t& found) noexcept;

}  // namespace tcpinfo::inline v0

#endif
