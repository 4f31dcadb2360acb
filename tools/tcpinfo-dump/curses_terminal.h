// SPDX-License-Identifier: Apache-2.0
//
// A terminal drawn on with ncurses. Two implementations: curses_terminal.cc, and
// curses_terminal_stub.cc where ncurses is not there.
#ifndef TCPINFO_TOOLS_TCPINFO_DUMP_CURSES_TERMINAL_H
#define TCPINFO_TOOLS_TCPINFO_DUMP_CURSES_TERMINAL_H

#include <memory>
#include <string>

#include "offline/live/screen.h"

namespace tcpinfo::tools {

/// That of standard input and output, which is itself again when this is gone; one at a time.
/// @param why set where there is none: this build has no ncurses, or the terminal is of a kind that
/// is not known
[[nodiscard]] std::unique_ptr<offline::terminal> open_terminal(std::string& why);

}  // namespace tcpinfo::tools

#endif
