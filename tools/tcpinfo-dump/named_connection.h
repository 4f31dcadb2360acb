// SPDX-License-Identifier: Apache-2.0
#ifndef TCPINFO_TOOLS_TCPINFO_DUMP_NAMED_CONNECTION_H
#define TCPINFO_TOOLS_TCPINFO_DUMP_NAMED_CONNECTION_H

#include <string>

namespace tcpinfo::tools {

/// Whether an argument that is a path or a connection is a connection: a UUID, or a cookie of 16
/// digits. Anything else that does not exist is a file's name mistyped.
[[nodiscard]] bool names_connection(const std::string& text);

}  // namespace tcpinfo::tools

#endif
