// SPDX-License-Identifier: Apache-2.0
#ifndef TCPINFO_COLLECT_EXIT_STATUS_H
#define TCPINFO_COLLECT_EXIT_STATUS_H

namespace tcpinfo::collect {

/// Exit statuses of the command line tools.
inline constexpr int exit_ok = 0;
inline constexpr int exit_trouble = 1;  ///< something in the data or the system went wrong
inline constexpr int exit_usage = 2;    ///< the command line cannot be obeyed

}  // namespace tcpinfo::collect

#endif
