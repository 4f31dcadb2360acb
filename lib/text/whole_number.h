// SPDX-License-Identifier: Apache-2.0
#ifndef TCPINFO_TEXT_WHOLE_NUMBER_H
#define TCPINFO_TEXT_WHOLE_NUMBER_H

#include <cstdint>
#include <optional>
#include <string_view>

namespace tcpinfo::text {

/// A whole number in decimal digits, up to `most`: no sign, no blanks, no 0x.
[[nodiscard]] std::optional<std::uint64_t> parse_whole(std::string_view text,
                                                       std::uint64_t most = ~std::uint64_t{
                                                           0}) noexcept;

/// The same up to 32 bits.
[[nodiscard]] inline std::optional<std::uint32_t> parse_whole_32(std::string_view text) noexcept {
  const auto number = parse_whole(text, ~std::uint32_t{0});
  return number ? std::optional(static_cast<std::uint32_t>(*number)) : std::nullopt;
}

}  // namespace tcpinfo::text

#endif
