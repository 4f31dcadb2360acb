// SPDX-License-Identifier: Apache-2.0
//
// The whole collector: everything set up in order, run, and taken down so that nothing is lost.
#ifndef TCPINFO_COLLECT_COLLECTOR_H
#define TCPINFO_COLLECT_COLLECTOR_H

#include "collect/config.h"
#include "collect/control/control.h"
#include "collect/os/os.h"

namespace tcpinfo::collect {

/// Exit statuses of the command line tools.
inline constexpr int exit_ok = 0;
inline constexpr int exit_trouble = 1;  ///< something in the data or the system went wrong
inline constexpr int exit_usage = 2;    ///< the command line cannot be obeyed

/// Records until told to stop, or until the configured end. Says on standard error what goes wrong,
/// and a summary at the end.
/// @return an exit status.
[[nodiscard]] int collect(os& system, const config& settings, control& operator_says);

}  // namespace tcpinfo::collect

#endif
