// SPDX-License-Identifier: Apache-2.0
#ifndef TCPINFO_TOOLS_TCPINFO_COLLECT_CONFIG_OF_H
#define TCPINFO_TOOLS_TCPINFO_COLLECT_CONFIG_OF_H

#include "collect/config.h"
#include "tcpinfo-collect/flags.h"

namespace tcpinfo::tools {

/// What the flags mean. Throws bad_flag, also for a file that they name and that cannot be read.
[[nodiscard]] collect::config config_of(const collect_flags& f);

}  // namespace tcpinfo::tools

#endif
