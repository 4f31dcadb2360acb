// SPDX-License-Identifier: Apache-2.0
//
// Metadata that segments keep as text stands only where an archive begins. Here it is kept for the
// segments in which the archive goes on.
#ifndef TCPINFO_OFFLINE_ERASING_CARRIED_CONTEXTS_H
#define TCPINFO_OFFLINE_ERASING_CARRIED_CONTEXTS_H

#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include "offline/inputs/input_context.h"
#include "offline/inputs/remembered_contexts.h"
#include "offline/packing/path_key.h"

namespace tcpinfo::offline {

/// Of the segments of many runs. What has once been found for a segment stays, so that segments can
/// be read again in another order. Memory is that of a few thousand UUIDs, and some 100 bytes for
/// each archive that goes on behind such metadata. One thread at a time.
class carried_contexts {
 public:
  /// The keys must outlive it.
  explicit carried_contexts(const path_keys& keys) : keys_(keys) {}

  /// What the metadata of the archive at `path` in the segment at `file` says.
  void keep(const std::string& file, const std::string& path, const context_pointer& context);
  /// What it said of the archive with that path in an earlier segment of the same run; null where
  /// none did, or too many archives ago.
  [[nodiscard]] context_pointer find(const std::string& file, const std::string& path);
  /// Something is missing of the segment at `file`: perhaps other metadata of an archive.
  void meet_damage(const std::string& file);
  /// Whether that is so of a segment of the same run.
  [[nodiscard]] bool met_damage(const std::string& file) const;

 private:
  const path_keys& keys_;
  remembered_contexts latest_;                                          // by run and path
  std::unordered_map<path_key, context_pointer, path_key_hash> found_;  // by file and path
  std::unordered_set<path_key, path_key_hash> damaged_;                 // runs
};

}  // namespace tcpinfo::offline

#endif
