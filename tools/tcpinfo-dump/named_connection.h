// SPDX-License-Identifier: Apache-2.0
#ifndef TCPINFO_TOOLS_TCPINFO_DUMP_NAMED_CONNECTION_H
#define TCPINFO_TOOLS_TCPINFO_DUMP_NAMED_CONNECTION_H

#include <string>
#include <vector>

#include "offline/filters/wanted_connection.h"

namespace tcpinfo::tools {

inline constexpr const char* named_or_paths_help =
    "files and directories; before, between or behind them connections that are wanted alone: "
    "UUID, cookie (decimal, 0x… or 16 hexadecimal digits), or both ends "
    "(ADDRESS:PORT-ADDRESS:PORT, or as ss prints them); no argument: standard input";

/// Tells arguments that are paths from those that name connections: a cookie, a UUID with a cookie
/// at its end, or both ends, in one argument or two. What exists is a path, and so is anything
/// else: a file's name mistyped. Throws offline::bad_value for one end alone, and where connections
/// are named and no path is, not even `-`.
void sort_arguments(const std::vector<std::string>& arguments,
                    std::vector<offline::connection_name>& connections,
                    std::vector<std::string>& paths);

/// Where a connection is named, what it is looked for in is named, too. Throws offline::bad_value.
void need_path(const std::vector<std::string>& paths, const std::string& connection);

}  // namespace tcpinfo::tools

#endif
