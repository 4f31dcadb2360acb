// SPDX-License-Identifier: Apache-2.0
//
// Files of the operator: the UUID prefix, the exclusions. They are read on the sampler's thread
// when it is told to reload, so nothing here may wait or be without end.
#ifndef TCPINFO_COLLECT_OS_SMALL_FILE_H
#define TCPINFO_COLLECT_OS_SMALL_FILE_H

#include <cstddef>
#include <string>
#include <system_error>

namespace tcpinfo::collect {

/// Reads a regular file, or a character device.
/// @return the errno of it; EINVAL for anything else, EFBIG for more than `most` bytes.
[[nodiscard]] std::error_code read_small_file(const std::string& path, std::size_t most,
                                              std::string& out);

}  // namespace tcpinfo::collect

#endif
