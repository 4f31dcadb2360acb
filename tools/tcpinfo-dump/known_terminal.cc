// SPDX-License-Identifier: Apache-2.0
//
// In a file of its own, because term.h makes macros of common words.
#include "tcpinfo-dump/known_terminal.h"

#include <unistd.h>

#define NCURSES_NOMACROS 1
#include <curses.h>
#include <term.h>

namespace tcpinfo::tools {

bool is_known_terminal() noexcept {
  int error = 0;
  if (::setupterm(nullptr, STDOUT_FILENO, &error) != OK) return false;
  ::del_curterm(::set_curterm(nullptr));
  return true;
}

}  // namespace tcpinfo::tools
