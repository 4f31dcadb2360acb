// SPDX-License-Identifier: Apache-2.0
#include "offline/text/output.h"

#include <sys/ioctl.h>
#include <tcpinfo/parse.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <span>

#include "text/write_all.h"

namespace tcpinfo::offline {

bool output::flush() {
  if (!closed_ && error_ == 0) {
    const int error = text::write_all(fd_, text_);
    closed_ = error == EPIPE;
    if (!closed_) error_ = error;
  }
  text_.clear();
  return !closed_ && error_ == 0;
}

bool wants_colour(int fd) {
  if (isatty(fd) == 0) return false;
  const char* no = std::getenv("NO_COLOR");
  if (no != nullptr && *no != '\0') return false;
  const char* term = std::getenv("TERM");
  return term != nullptr && std::string_view(term) != "dumb";
}

std::optional<bool> parse_colour(std::string_view when, int fd) {
  if (when == "always") return true;
  if (when == "never") return false;
  if (when == "auto") return wants_colour(fd);
  return std::nullopt;
}

std::size_t terminal_width(int fd) {
  struct winsize size {};
  if (ioctl(fd, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return 80;
  return size.ws_col;
}

void append_json_string(std::string& to, std::string_view text) {
  const std::size_t before = to.size();
  to.resize(before + 6 * text.size() + 2);
  std::size_t written = 0;
  // With that much room it cannot fail.
  (void)!format_text_cell(row_format::json, text, std::span(to).subspan(before), written);
  to.resize(before + written);
}

void append_csv_cell(std::string& to, std::string_view text) {
  if (text.find_first_of(",\"\r\n") == std::string_view::npos) {
    to += text;
    return;
  }
  to += '"';
  for (const char c : text) {
    if (c == '"') to += '"';
    to += c;
  }
  to += '"';
}

}  // namespace tcpinfo::offline
