// SPDX-License-Identifier: Apache-2.0
//
// What the metadata records said that a segment keeps as text: only where an archive begins, and
// not again in the blocks where it goes on.
#ifndef TCPINFO_OFFLINE_INPUTS_REMEMBERED_CONTEXTS_H
#define TCPINFO_OFFLINE_INPUTS_REMEMBERED_CONTEXTS_H

#include <cstddef>
#include <string>
#include <unordered_map>

#include "offline/inputs/input_context.h"

namespace tcpinfo::offline {

/// The contexts of the latest few thousand archives, by their paths in the segment.
class remembered_contexts {
 public:
  void clear();
  void keep(const std::string& path, const context_pointer& context);
  /// Null where it is not known any more.
  [[nodiscard]] context_pointer find(const std::string& path);

 private:
  // A segment may hold a million archives. When this many are kept, those before are forgotten.
  static constexpr std::size_t most = 4096;
  using contexts = std::unordered_map<std::string, context_pointer>;
  contexts latest_;
  contexts before_;
};

}  // namespace tcpinfo::offline

#endif
