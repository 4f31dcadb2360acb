// SPDX-License-Identifier: Apache-2.0
#include "analysis/seen_message.h"

#include <algorithm>
#include <cstring>
#include <string_view>

namespace tcpinfo::analysis {

void message_eye::take_shape(const message& m) noexcept {
  last_ = {};
  headers_.clear();
  const std::byte* begin = m.bytes.data();
  bool all = true;
  const attribute_range range = m.attributes();
  auto it = range.begin();
  for (; it != range.end(); ++it) {
    const auto at = static_cast<std::uint32_t>(it->payload.data() - begin);
    const auto size = static_cast<std::uint32_t>(it->payload.size());
    if (!headers_.add(m.bytes, at - wire::attribute_header_size)) all = false;
    // Of a type that comes twice the first one counts.
    if (it->is(attribute_type::info) && last_.info_at == 0) {
      last_.info_at = at;
      last_.info_size = size;
    } else if (it->is(attribute_type::cong) && last_.cong_at == 0) {
      last_.cong_at = at;
      last_.cong_size = size;
    }
  }
  if (all && it.remainder().empty()) headers_.finish(m.bytes);
}

name_pool::id message_eye::name_in(bytes_view payload) {
  const bool is_short = payload.size() <= sizeof cong_;
  if (is_short && !payload.empty()) {
    std::array<std::uint64_t, 2> bytes{};
    std::memcpy(bytes.data(), payload.data(), payload.size());
    if (bytes[0] == cong_[0] && bytes[1] == cong_[1] && cong_id_ != name_pool::none)
      return cong_id_;
    cong_ = bytes;
  }
  const auto* chars = reinterpret_cast<const char*>(payload.data());
  const std::size_t size = payload.empty() ? 0 : ::strnlen(chars, payload.size());
  const std::string_view name(chars, size);
  is_bbr_ = name.starts_with("bbr");
  const name_pool::id id = names_.number(name);
  cong_id_ = is_short ? id : name_pool::none;
  return id;
}

}  // namespace tcpinfo::analysis
