// SPDX-License-Identifier: Apache-2.0
#include "segment/message_layout.h"

#include <algorithm>

#include "segment/format.h"

namespace tcpinfo::inline v0::segment_format {

std::error_code look_at(const message& m, message_layout& out) {
  out.headers.clear();
  out.parts.clear();
  out.notes = {};
  if (m.bytes.size() < wire::inet_diag_msg_size) return errc::message_too_short;
  out.parts.push_back({0, wire::inet_diag_msg_size, head_words, 0, head_slot});
  out.words = head_words;
  bool remembered = true;
  const attribute_range all = m.attributes();
  auto it = all.begin();
  for (; it != all.end(); ++it) {
    const attribute& a = *it;
    const auto at = static_cast<std::uint32_t>(a.payload.data() - m.bytes.data());
    if (!out.headers.add(m.bytes, at - wire::attribute_header_size)) remembered = false;
    if (a.is(attribute_type::md5sig)) {
      ++out.notes.secrets;
      continue;
    }
    const auto same = [&](const message_part& p) { return p.type == a.type; };
    if (std::any_of(out.parts.begin() + 1, out.parts.end(), same)) {
      // Some machines need several PADs for alignment; they say nothing.
      if (!a.is(attribute_type::pad) || !a.payload.empty()) ++out.notes.duplicates;
      continue;
    }
    const auto size = static_cast<std::uint32_t>(a.payload.size());
    out.parts.push_back({at, size, (size + 3) / 4, a.type, 0});
    out.words += out.parts.back().words;
    if (out.parts.size() > max_attributes + 1 || out.words > max_words)
      return errc::malformed_attribute;
  }
  out.notes.unread_bytes = it.remainder().size();
  if (remembered && out.notes.unread_bytes == 0) out.headers.finish(m.bytes);
  std::sort(out.parts.begin() + 1, out.parts.end(),
            [](const message_part& a, const message_part& b) { return a.type < b.type; });
  return {};
}

}  // namespace tcpinfo::inline v0::segment_format
