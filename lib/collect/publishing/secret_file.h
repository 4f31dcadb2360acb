// SPDX-License-Identifier: Apache-2.0
#ifndef TCPINFO_COLLECT_PUBLISHING_SECRET_FILE_H
#define TCPINFO_COLLECT_PUBLISHING_SECRET_FILE_H

#include <string>

namespace tcpinfo::collect {

/// Reads a file of credentials, at most 64 KiB. Refused where others than its owner and its group
/// may read or write it.
/// @return what is wrong, with the file's name; empty: nothing is. Throws std::bad_alloc.
[[nodiscard]] std::string read_secret(const std::string& path, std::string& out);

}  // namespace tcpinfo::collect

#endif
