// SPDX-License-Identifier: Apache-2.0
//
// Puts a frame at the end of a file that is being written.
#ifndef TCPINFO_COLLECT_WRITING_APPEND_FRAME_H
#define TCPINFO_COLLECT_WRITING_APPEND_FRAME_H

#include <tcpinfo/bytes.h>

#include <cstdint>
#include <string>
#include <system_error>

#include "collect/writing/writer_context.h"

namespace tcpinfo::collect {

/// As os::append(). At 0 it makes the file, where the output's lock still is ours, and its folder.
/// Throws std::bad_alloc.
[[nodiscard]] std::error_code append_frame(const writer_context& context, const std::string& part,
                                           const std::string& folder, bytes_view frame,
                                           std::uint64_t at);

/// Whether a new file would meet the same error, so that none is to be begun for it.
[[nodiscard]] bool concerns_all_files(const std::error_code& ec) noexcept;

}  // namespace tcpinfo::collect

#endif
