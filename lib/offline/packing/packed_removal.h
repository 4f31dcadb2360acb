// SPDX-License-Identifier: Apache-2.0
//
// Removes archives that are in segments, and the folders that become empty by it.
#ifndef TCPINFO_OFFLINE_PACKING_PACKED_REMOVAL_H
#define TCPINFO_OFFLINE_PACKING_PACKED_REMOVAL_H

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "offline/packing/archive_lines.h"

namespace tcpinfo::offline {

/// One folder's files after the other's, as they come.
class packed_removal {
 public:
  /// Hears of a file or folder that is not removed; `note`: because it never is.
  using tell = std::function<void(std::string_view file, std::string_view what, bool note)>;

  explicit packed_removal(tell told) : told_(std::move(told)) {}

  /// Whether pack ever removes a file of that name: one of a complete archive.
  [[nodiscard]] static bool may_remove(std::string_view name);
  /// Removes `file`, unless it is another than the one of that identity, or a link.
  /// @param top of its folders, this one and those above it stay; empty: all of them
  void remove(const std::string& file, const std::string& top, std::uint64_t identity);
  /// Makes it durable that the files are gone, and removes folders that are empty.
  void finish();

  [[nodiscard]] std::uint64_t removed() const noexcept { return removed_; }

 private:
  tell told_;
  std::string folder_;  // of the files last removed
  std::string top_;
  std::uint64_t removed_ = 0;
};

}  // namespace tcpinfo::offline

#endif
