// SPDX-License-Identifier: Apache-2.0
//
// Whether an input is zstd or plain text: its first bytes say, not the name of a file.
#ifndef TCPINFO_ZSTD_DETECT_H
#define TCPINFO_ZSTD_DETECT_H

#include <system_error>

#include "zstd/input_window.h"

namespace tcpinfo::inline v0 {

/// Looks at the beginning of `input`, which stays in the window, and reads no more of it than it
/// needs. Of an input that begins neither with a frame nor with a line of an archive, a frame in
/// its first 128 KiB says that the first one is damaged.
/// @return the errno of read(2).
[[nodiscard]] std::error_code detect_zstd(input_window& input, bool& is_zstd) noexcept;

}  // namespace tcpinfo::inline v0

#endif
