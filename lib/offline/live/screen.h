// SPDX-License-Identifier: Apache-2.0
//
// A terminal as tcpinfo-dump top needs it: what is to be seen, and which keys there are. Who draws
// it stands elsewhere (the tool, with ncurses), so that all else can be tested without a terminal.
#ifndef TCPINFO_OFFLINE_LIVE_SCREEN_H
#define TCPINFO_OFFLINE_LIVE_SCREEN_H

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace tcpinfo::offline {

struct screen_size {
  std::size_t lines = 24;
  std::size_t columns = 80;
};

enum class line_style : std::uint8_t { plain, heading, selected, faint };

/// Text in UTF-8 without control characters, no wider than the screen.
struct screen_line {
  std::string text;
  line_style style = line_style::plain;
};
using screen = std::vector<screen_line>;

enum class key_kind : std::uint8_t {
  none,  ///< no key was pressed in time
  character,
  up,
  down,
  page_up,
  page_down,
  first,
  last,
  enter,
  escape,
  backspace,
  resized,  ///< the screen has another size
  gone,     ///< the terminal is
};
struct key {
  key_kind kind = key_kind::none;
  char character = 0;  ///< of ASCII; where the kind says so
};

class terminal {
 public:
  terminal() = default;
  virtual ~terminal() = default;
  terminal(const terminal&) = delete;
  terminal& operator=(const terminal&) = delete;

  [[nodiscard]] virtual screen_size size() const = 0;
  virtual void show(const screen& what) = 0;
  /// Waits for a key so many milliseconds at most.
  [[nodiscard]] virtual key read_key(int patience_ms) = 0;
  /// Whether it shows more than ASCII.
  [[nodiscard]] virtual bool has_utf8() const = 0;
};

}  // namespace tcpinfo::offline

#endif
