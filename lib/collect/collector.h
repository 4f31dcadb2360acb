// SPDX-License-Identifier: Apache-2.0
//
// The whole collector: everything set up in order, run, and taken down so that nothing is lost.
#ifndef TCPINFO_COLLECT_COLLECTOR_H
#define TCPINFO_COLLECT_COLLECTOR_H

#include <string>
#include <system_error>

#include "collect/config.h"
#include "collect/control/control.h"
#include "collect/exit_status.h"
#include "collect/os/os.h"
#include "collect/sampling/make_source.h"

namespace tcpinfo::collect {

/// For linux_os_options::on_no_fsync: says so in the log.
void say_no_fsync(const std::string& path, std::error_code why);

/// Records until told to stop, or until the configured end. Says on standard error what goes wrong,
/// and a summary at the end.
/// @return an exit status.
[[nodiscard]] int collect(os& system, source_maker& sources, const config& settings,
                          control& operator_says);

}  // namespace tcpinfo::collect

#endif
