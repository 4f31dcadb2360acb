// SPDX-License-Identifier: Apache-2.0
//
// Whether two files below the output directory hold the same.
#ifndef TCPINFO_COLLECT_WRITING_COMPARE_FILES_H
#define TCPINFO_COLLECT_WRITING_COMPARE_FILES_H

#include <cstdint>
#include <string>
#include <system_error>

#include "collect/os/os.h"

namespace tcpinfo::collect {

/// Whether the first `content` bytes that the frames of `part` hold are all that `complete` holds,
/// in whatever frames. Throws std::bad_alloc.
[[nodiscard]] std::error_code same_content(os& system, const std::string& part,
                                           std::uint64_t content, const std::string& complete,
                                           bool& same);
/// Whether both have the same bytes; what is no regular file never has. Throws std::bad_alloc.
[[nodiscard]] std::error_code same_bytes(os& system, const std::string& a, const std::string& b,
                                         bool& same);

}  // namespace tcpinfo::collect

#endif
