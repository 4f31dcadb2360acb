// SPDX-License-Identifier: Apache-2.0
#include "tcpinfo-dump/curses_terminal.h"

namespace tcpinfo::tools {

std::unique_ptr<offline::terminal> open_terminal(std::string& why) {
  why = "this program was built without ncurses";
  return nullptr;
}

}  // namespace tcpinfo::tools
