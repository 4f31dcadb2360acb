// SPDX-License-Identifier: Apache-2.0
#include "tcpinfo-dump/curses_terminal.h"

#include <langinfo.h>
#include <locale.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <string_view>

#include "tcpinfo-dump/known_terminal.h"

// Names as `clear` and `timeout` would be macros.
#define NCURSES_NOMACROS 1
#define NCURSES_WIDECHAR 1
#include <curses.h>

namespace tcpinfo::tools {
namespace {

using offline::key;
using offline::key_kind;
using offline::line_style;

constexpr int control_c = 3;
constexpr int escape = 27;
constexpr int delete_key = 127;
// What comes after an escape within this time is the rest of a key.
constexpr int escape_ms = 25;

attr_t attribute_of(line_style style) {
  switch (style) {
    case line_style::heading:
      return WA_BOLD;
    case line_style::selected:
      return WA_REVERSE;
    case line_style::faint:
      return WA_DIM;
    case line_style::plain:
      break;
  }
  return WA_NORMAL;
}

key key_of(int code) {
  switch (code) {
    case KEY_UP:
      return {key_kind::up};
    case KEY_DOWN:
      return {key_kind::down};
    case KEY_PPAGE:
      return {key_kind::page_up};
    case KEY_NPAGE:
      return {key_kind::page_down};
    case KEY_HOME:
      return {key_kind::first};
    case KEY_END:
      return {key_kind::last};
    case KEY_ENTER:
    case '\r':
    case '\n':
      return {key_kind::enter};
    case KEY_BACKSPACE:
    case delete_key:
    case '\b':
      return {key_kind::backspace};
    case KEY_RESIZE:
      return {key_kind::resized};
    case control_c:
      return {key_kind::gone};
    case escape:
      return {key_kind::escape};
    default:
      break;
  }
  if (code >= ' ' && code < delete_key) return {key_kind::character, static_cast<char>(code)};
  // A key that means nothing here.
  return {key_kind::resized};
}

class curses_terminal final : public offline::terminal {
 public:
  explicit curses_terminal(SCREEN* screen) : screen_(screen) {
    // Keys come one by one, and the one that interrupts as a key, too: the terminal must be given
    // back as it was.
    ::raw();
    ::noecho();
    ::nonl();
    ::keypad(stdscr, TRUE);
    ::set_escdelay(escape_ms);
    ::curs_set(0);
  }
  ~curses_terminal() override {
    ::endwin();
    ::delscreen(screen_);
  }

  [[nodiscard]] offline::screen_size size() const override {
    return {static_cast<std::size_t>(std::max(getmaxy(stdscr), 0)),
            static_cast<std::size_t>(std::max(getmaxx(stdscr), 0))};
  }

  void show(const offline::screen& what) override {
    ::werase(stdscr);
    int at = 0;
    for (const offline::screen_line& line : what) {
      ::wattr_set(stdscr, attribute_of(line.style), 0, nullptr);
      ::mvwaddstr(stdscr, at++, 0, line.text.c_str());
    }
    ::wattr_set(stdscr, WA_NORMAL, 0, nullptr);
    ::wrefresh(stdscr);
  }

  [[nodiscard]] key read_key(int patience_ms) override {
    // ncurses may have read more keys than it has given.
    ::wtimeout(stdscr, 0);
    int code = ::wgetch(stdscr);
    if (code == ERR) {
      pollfd input{STDIN_FILENO, POLLIN, 0};
      const int ready = ::poll(&input, 1, patience_ms);
      // Interrupted by a change of the terminal's size, which the next call tells.
      if (ready <= 0) return {key_kind::none};
      if ((input.revents & POLLIN) == 0) return {key_kind::gone};
      ::wtimeout(stdscr, escape_ms);
      code = ::wgetch(stdscr);
      if (code == ERR) return {(input.revents & POLLHUP) != 0 ? key_kind::gone : key_kind::none};
    }
    return key_of(code);
  }

  [[nodiscard]] bool has_utf8() const override {
    return std::string_view(::nl_langinfo(CODESET)) == "UTF-8";
  }

 private:
  SCREEN* screen_;
};

}  // namespace

std::unique_ptr<offline::terminal> open_terminal(std::string& why) {
  // How characters are shown; numbers stay as they are.
  ::setlocale(LC_CTYPE, "");
  // Asked first: newterm() loses memory where it fails.
  SCREEN* const screen = is_known_terminal() ? ::newterm(nullptr, stdout, stdin) : nullptr;
  if (screen == nullptr) {
    const char* const name = std::getenv("TERM");
    why = std::string("terminals of this kind are not known here (TERM is '") +
          (name == nullptr ? "" : name) + "')";
    return nullptr;
  }
  return std::make_unique<curses_terminal>(screen);
}

}  // namespace tcpinfo::tools
