// SPDX-License-Identifier: Apache-2.0
//
// Copies a file as it is.
#ifndef TCPINFO_COLLECT_WRITING_COPY_BYTES_H
#define TCPINFO_COLLECT_WRITING_COPY_BYTES_H

#include <cstdint>
#include <string>
#include <system_error>

#include "collect/os/os.h"

namespace tcpinfo::collect {

/// Makes `to` of the first `size` bytes of `from`. Throws std::bad_alloc.
/// @param unreadable whether it is `from` that is at fault
/// @return errc::truncated_frame where it has fewer.
[[nodiscard]] std::error_code copy_bytes(os& system, const std::string& from, const std::string& to,
                                         std::uint64_t size, bool& unreadable);

}  // namespace tcpinfo::collect

#endif
