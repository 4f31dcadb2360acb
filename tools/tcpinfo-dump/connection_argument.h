// SPDX-License-Identifier: Apache-2.0
#ifndef TCPINFO_TOOLS_TCPINFO_DUMP_CONNECTION_ARGUMENT_H
#define TCPINFO_TOOLS_TCPINFO_DUMP_CONNECTION_ARGUMENT_H

#include <string>
#include <vector>

#include "offline/filters/wanted_connection.h"

namespace tcpinfo::tools {

/// Takes what names a connection off the front of `arguments`: as two columns of ss it may be two
/// of them. Throws offline::bad_value.
[[nodiscard]] offline::connection_name take_connection(std::vector<std::string>& arguments);

}  // namespace tcpinfo::tools

#endif
