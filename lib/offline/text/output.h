// SPDX-License-Identifier: Apache-2.0
//
// Standard output, written in large pieces; a reader that went away (| head) ends the work quietly.
#ifndef TCPINFO_OFFLINE_TEXT_OUTPUT_H
#define TCPINFO_OFFLINE_TEXT_OUTPUT_H

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace tcpinfo::offline {

/// Collects text and writes it to a descriptor. Ignore SIGPIPE in the process.
class output {
 public:
  explicit output(int fd, std::size_t portion = std::size_t{1} << 16)
      : fd_(fd), portion_(portion) {}
  ~output() { flush(); }
  output(const output&) = delete;
  output& operator=(const output&) = delete;

  /// The text not yet written: append to it, then call written().
  [[nodiscard]] std::string& buffer() { return text_; }
  /// Writes when enough has gathered. @return false when there is no use in going on.
  bool written() { return text_.size() < portion_ || flush(); }
  bool put(std::string_view text) {
    text_ += text;
    return written();
  }
  bool flush();

  /// The reader is gone: end, and say nothing.
  [[nodiscard]] bool closed() const { return closed_; }
  /// The errno of a write that failed otherwise; 0 for none.
  [[nodiscard]] int error() const { return error_; }

 private:
  int fd_;
  std::size_t portion_;
  std::string text_;
  bool closed_ = false;
  int error_ = 0;
};

/// Whether to colour: a terminal, and NO_COLOR not set (to anything), and TERM not "dumb".
[[nodiscard]] bool wants_colour(int fd);
/// The same as --color says it: "always", "never" or "auto", which asks wants_colour(). nullopt for
/// anything else.
[[nodiscard]] std::optional<bool> parse_colour(std::string_view when, int fd);
/// Columns of the terminal that `fd` is, 80 where that cannot be told.
[[nodiscard]] std::size_t terminal_width(int fd);

/// Appends `text` as a JSON string.
void append_json_string(std::string& to, std::string_view text);
/// Appends `text` as a CSV cell (RFC 4180), quoted where needed.
void append_csv_cell(std::string& to, std::string_view text);

}  // namespace tcpinfo::offline

#endif
