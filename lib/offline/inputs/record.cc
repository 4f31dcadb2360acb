// SPDX-License-Identifier: Apache-2.0
#include "offline/inputs/record.h"

#include <fmt/format.h>

#include <cstddef>

namespace tcpinfo::offline {

std::optional<std::int64_t> input_record::moment_ns() const noexcept {
  if (time.is_zero() && ended.is_zero()) return std::nullopt;
  const auto ns = (ended.is_zero() ? time : ended).unix_nanoseconds();
  return ns && *ns >= 0 ? std::optional<std::int64_t>(*ns) : std::nullopt;
}

std::string_view input_record::uuid() const {
  if (context == nullptr) return {};
  if (context->source != uuid_source::cookie) return context->uuid;
  if (!has_message) return {};
  std::uint64_t cookie = m.cookie();
  for (std::size_t i = sizeof cookie_text_; i-- > 0; cookie >>= 4U)
    cookie_text_[i] = "0123456789ABCDEF"[cookie & 15U];
  return {cookie_text_, sizeof cookie_text_};
}

std::string input_record::connection_key() const {
  std::string key(uuid());
  std::uint64_t named = 0;
  if (has_message && context->source == uuid_source::file_name &&
      (parse_uuid_cookie(key, named) || named != m.cookie()))
    key += fmt::format("_{:016X}", m.cookie());
  return key;
}

std::string part_names(std::uint32_t parts, char between) {
  std::string names;
  for (std::uint32_t rest = parts; rest != 0; rest &= rest - 1) {
    if (!names.empty()) names += between;
    names += part_name(rest & -rest);
  }
  return names;
}

}  // namespace tcpinfo::offline
