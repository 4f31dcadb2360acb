// SPDX-License-Identifier: Apache-2.0
#ifndef TCPINFO_TOOLS_TCPINFO_DUMP_KNOWN_TERMINAL_H
#define TCPINFO_TOOLS_TCPINFO_DUMP_KNOWN_TERMINAL_H

namespace tcpinfo::tools {

/// Whether ncurses can draw on what TERM names. One thread at a time.
[[nodiscard]] bool is_known_terminal() noexcept;

}  // namespace tcpinfo::tools

#endif
