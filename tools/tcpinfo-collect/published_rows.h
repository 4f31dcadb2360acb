// SPDX-License-Identifier: Apache-2.0
#ifndef TCPINFO_TOOLS_TCPINFO_COLLECT_PUBLISHED_ROWS_H
#define TCPINFO_TOOLS_TCPINFO_COLLECT_PUBLISHED_ROWS_H

#include <memory>

#include "collect/connection_rows.h"

namespace tcpinfo::tools {

/// The rows of tcpinfo-csv --connections as JSON. Throws std::bad_alloc.
[[nodiscard]] std::unique_ptr<collect::connection_rows> make_published_rows();

}  // namespace tcpinfo::tools

#endif
