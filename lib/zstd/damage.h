// SPDX-License-Identifier: Apache-2.0
//
// How much of a damaged frame can be decoded, and where reading can go on behind it.
#ifndef TCPINFO_ZSTD_DAMAGE_H
#define TCPINFO_ZSTD_DAMAGE_H

#include <cstdint>
#include <system_error>

#include "zstd/frame_extent.h"
#include "zstd/input_window.h"

namespace tcpinfo::inline v0 {

/// All offsets are in the input.
struct frame_damage {
  std::uint64_t stop_at = 0;      ///< blocks that end before it are decoded
  std::uint64_t resume_from = 0;  ///< the next frame may begin here
  std::error_code fault;          ///< what is wrong with the frame
};

/// Judges a frame that begins at `begin` and is sound, or looks so, in its first `size` bytes.
/// Where another frame begins within these, the frame was cut there.
/// @param fault as it was found.
/// @return the errno of read(2).
[[nodiscard]] std::error_code judge_damage(input_window& input, std::uint64_t begin,
                                           std::uint64_t size, const frame_extent& extent,
                                           std::error_code fault, frame_damage& out) noexcept;

}  // namespace tcpinfo::inline v0

#endif
