// SPDX-License-Identifier: Apache-2.0
//
// Tells which files of a folder, and of all folders below it, may have changed.
#ifndef TCPINFO_OFFLINE_INPUTS_FOLLOWING_FOLDER_WATCH_H
#define TCPINFO_OFFLINE_INPUTS_FOLLOWING_FOLDER_WATCH_H

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace tcpinfo::offline {

/// What happened to a file.
enum class file_change : std::uint8_t {
  found,    ///< it is there: of a folder that was looked through
  changed,  ///< it was made or written to
  named,    ///< it got this name now, and was another file of a collector's before
  gone,     ///< it has this name no more
};

/// By inotify(7), and by looking through all folders where that does not work or has lost
/// something. Links to folders are not followed below the folder that was named. One thread.
class folder_watch {
 public:
  /// Receives a file's path. Called by look() and take() alone.
  using callback = std::function<void(const std::string& path, file_change change)>;
  /// Says what is wrong, of which path.
  using complaint = std::function<void(const std::string& path, std::string_view what)>;

  folder_watch(std::string folder, callback on_file, complaint complain);
  ~folder_watch();
  folder_watch(const folder_watch&) = delete;
  folder_watch& operator=(const folder_watch&) = delete;

  /// Watches from now on, and tells of all files that are there.
  /// @return false where the folder cannot be read, which was said.
  [[nodiscard]] bool look();
  /// Tells what has happened since the last call.
  /// @return false when the folder itself is gone.
  [[nodiscard]] bool take();
  /// Readable when something happened; -1: only due_ns() tells when to call take().
  [[nodiscard]] int descriptor() const noexcept { return polls_ ? -1 : inotify_; }
  /// When to call take() in any case, on CLOCK_MONOTONIC: there is more that only looking through
  /// all folders shows. Of many names that is less often. The highest number: never.
  [[nodiscard]] std::int64_t due_ns() const noexcept;

 private:
  struct renaming {
    std::string path;
    std::uint32_t cookie = 0;
  };
  [[nodiscard]] bool enter(const std::string& folder, bool is_named);
  void watch(const std::string& folder);
  void hear(int watch, std::uint32_t mask, std::uint32_t cookie, std::string_view name);
  void note(std::string path, file_change change);
  void tell_noted();

  std::string folder_;
  callback on_file_;
  complaint complain_;
  int inotify_ = -1;
  bool polls_ = false;  // inotify does not work, or not for all folders
  bool lost_ = false;
  bool folder_gone_ = false;
  std::uint64_t names_ = 0;                       // that the latest look has read
  std::int64_t looked_ns_ = 0;                    // when it was over
  std::int64_t found_lost_ns_ = 0;                // and the latest of those that a loss needed
  std::unordered_map<int, std::string> folders_;  // by watch
  // What was heard and not told yet: of a file once, however often it was written to.
  std::vector<std::pair<std::string, file_change>> noted_;
  std::unordered_set<std::string> changed_;  // among noted_
  renaming from_;                            // the first half of a renaming
};

}  // namespace tcpinfo::offline

#endif
