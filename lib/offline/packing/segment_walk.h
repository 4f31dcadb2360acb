// SPDX-License-Identifier: Apache-2.0
#ifndef TCPINFO_OFFLINE_PACKING_SEGMENT_WALK_H
#define TCPINFO_OFFLINE_PACKING_SEGMENT_WALK_H

#include <string>
#include <string_view>
#include <vector>

#include "offline/inputs/fault.h"

namespace tcpinfo::offline {

/// Whether segments are named so: .tcpseg or .tcpseg.zst, perhaps with .part behind.
[[nodiscard]] bool is_segment_name(std::string_view name);

/// The segments among what was named: files whatever their names, and in folders, at any depth,
/// those of a segment's name; in the order of their names, numbers in them by their values. Links
/// to folders are not followed within a folder. A .part beside its complete segment is passed over,
/// which is told. Other files are counted in a note.
[[nodiscard]] std::vector<std::string> find_segments(const std::vector<std::string>& paths,
                                                     const fault_callback& on_fault);

}  // namespace tcpinfo::offline

#endif
