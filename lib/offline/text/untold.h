// SPDX-License-Identifier: Apache-2.0
//
// What a message has that no field tells: a newer kernel's bytes, and what is odd about it.
#ifndef TCPINFO_OFFLINE_TEXT_UNTOLD_H
#define TCPINFO_OFFLINE_TEXT_UNTOLD_H

#include <tcpinfo/parse.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tcpinfo::offline {

/// Bytes of one attribute.
struct untold_bytes {
  /// Unique in a message: "attribute_30" of a type without a name, "attribute_30_2" where it comes
  /// again; "info_tail" behind the known end of INFO; "locals" of one that has no fields.
  std::string name;
  bytes_view bytes;  ///< a view into the message
};

/// In the order of the types, those without a name last.
[[nodiscard]] std::vector<untold_bytes> untold_in(const snapshot& s);

/// "0a1b".
[[nodiscard]] std::string in_hex(bytes_view bytes);

/// Faults that are shown, with the names they have in texts and JSON.
inline constexpr std::pair<std::string_view, snapshot_fault> shown_faults[] = {
    {"long_attribute", snapshot_fault::long_attribute},
    {"partial_field", snapshot_fault::partial_field},
    {"duplicate_attribute", snapshot_fault::duplicate_attribute},
    {"malformed_tail", snapshot_fault::malformed_tail},
    {"malformed_nest", snapshot_fault::malformed_nest},
    {"secret_dropped", snapshot_fault::secret_dropped}};

}  // namespace tcpinfo::offline

#endif
