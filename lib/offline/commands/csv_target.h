// SPDX-License-Identifier: Apache-2.0
//
// Where tables go: standard output, or a file that is written beside its name and gets it when it
// is whole.
#ifndef TCPINFO_OFFLINE_COMMANDS_CSV_TARGET_H
#define TCPINFO_OFFLINE_COMMANDS_CSV_TARGET_H

#include <cstddef>
#include <string>
#include <string_view>

namespace tcpinfo::offline {

/// Text is handed over when there is about so much of it.
inline constexpr std::size_t csv_portion = std::size_t{64} << 10;

/// One at a time in a process: signals that end it remove the unfinished file.
class csv_target {
 public:
  csv_target() = default;
  /// Removes what was not finished.
  ~csv_target();
  csv_target(const csv_target&) = delete;
  csv_target& operator=(const csv_target&) = delete;

  /// An empty path is standard output. What is there and is no regular file (a pipe, a device) is
  /// written to as it is. A file that is replaced leaves mode, owner and group to the new one, as
  /// far as we may. @return an errno, 0 for success.
  [[nodiscard]] int open(const std::string& path);

  /// Writes all of it. @return false when there is no use in going on: closed() or error().
  [[nodiscard]] bool write(std::string_view text);

  /// Gives the file its name. @return an errno, 0 for success.
  [[nodiscard]] int finish();

  /// Who read our output is gone: end, and say nothing.
  [[nodiscard]] bool closed() const { return closed_; }
  /// The errno of a write that failed otherwise; 0 for none.
  [[nodiscard]] int error() const { return error_; }

 private:
  int open_temporary();
  void discard();

  int fd_ = -1;
  bool owned_ = false;
  std::string path_;       // with links followed
  std::string temporary_;  // empty where nothing is renamed
  bool closed_ = false;
  int error_ = 0;
};

}  // namespace tcpinfo::offline

#endif
