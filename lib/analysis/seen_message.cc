// SPDX-License-Identifier: Apache-2.0
#include "analysis/seen_message.h"

#include <cstddef>
#include <cstring>

namespace tcpinfo::analysis {
seen_message see(const message& m) noexcept {
  seen_message seen;
  seen.m = m;
  const attribute_range range = m.attributes();
  for (auto it = range.begin(); it != range.end(); ++it) {
    // Of a type that comes twice the first one counts.
    if (it->is(attribute_type::info)) {
      if (seen.info.data() == nullptr) seen.info = it->payload;
    } else if (it->is(attribute_type::cong) && !it->payload.empty() && seen.cong.empty()) {
      const auto* chars = reinterpret_cast<const char*>(it->payload.data());
      seen.cong = {chars, ::strnlen(chars, it->payload.size())};
    }
  }
  return seen;
}

}  // namespace tcpinfo::analysis
