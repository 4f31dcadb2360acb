// SPDX-License-Identifier: Apache-2.0
#include "text/whole_number.h"

#include <charconv>
#include <system_error>

namespace tcpinfo::text {

std::optional<std::uint64_t> parse_whole(std::string_view text, std::uint64_t most) noexcept {
  std::uint64_t value = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (ec != std::errc{} || end != text.data() + text.size() || value > most) return std::nullopt;
  return value;
}

}  // namespace tcpinfo::text
