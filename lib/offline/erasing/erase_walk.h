// SPDX-License-Identifier: Apache-2.0
//
// The files that erase looks into, and those that it cannot judge.
#ifndef TCPINFO_OFFLINE_ERASING_ERASE_WALK_H
#define TCPINFO_OFFLINE_ERASING_ERASE_WALK_H

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "offline/inputs/sniffing/file_judge.h"
#include "offline/inputs/walk.h"

namespace tcpinfo::offline {

/// Judges what a walk comes by.
class erase_walk {
 public:
  /// Hears of a file or folder that stays as it is.
  using tell = std::function<void(const std::string& path, std::string_view what)>;
  /// Hears of what an interrupted erase left.
  using leftover = std::function<void(const std::string& path)>;

  erase_walk(std::int32_t max_window_log, tell told, leftover found);

  /// For a walk through archives and segments alone; it must not outlive this object.
  [[nodiscard]] walk_options options();

 private:
  [[nodiscard]] bool wants(const walk_entry& e);
  [[nodiscard]] std::string_view why_left(const walk_entry& e);

  std::int32_t max_window_log_;
  tell told_;
  leftover found_;
  file_judge judge_;
};

}  // namespace tcpinfo::offline

#endif
