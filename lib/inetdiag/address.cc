// SPDX-License-Identifier: Apache-2.0
//
// Addresses and prefixes as text.
#include <arpa/inet.h>
#include <tcpinfo/inetdiag.h>

#include <charconv>

#include "common/decimal.h"

namespace tcpinfo::inline v0 {

std::error_code parse_ip_address(std::string_view text, ip_address& out) noexcept {
  char copy[INET6_ADDRSTRLEN];
  if (text.empty() || text.size() >= sizeof copy) return errc::invalid_argument;
  std::memcpy(copy, text.data(), text.size());
  copy[text.size()] = '\0';
  ip_address result;
  if (inet_pton(AF_INET, copy, result.bytes.data()) == 1) {
    result.family = address_family::ipv4;
  } else if (inet_pton(AF_INET6, copy, result.bytes.data()) == 1) {
    result.family = address_family::ipv6;
  } else {
    return errc::invalid_argument;
  }
  out = result;
  return {};
}

std::error_code parse_ip_prefix(std::string_view text, ip_prefix& out) noexcept {
  const std::size_t slash = text.find('/');
  ip_prefix result;
  if (const auto ec = parse_ip_address(text.substr(0, slash), result.address)) return ec;
  const unsigned bits = result.address.family == address_family::ipv4 ? 32 : 128;
  unsigned length = bits;
  if (slash != std::string_view::npos) {
    const std::string_view digits = text.substr(slash + 1);
    const auto [end, ec] = std::from_chars(digits.data(), digits.data() + digits.size(), length);
    if (ec != std::errc{} || end != digits.data() + digits.size() || length > bits)
      return errc::invalid_argument;
  }
  result.length = static_cast<std::uint8_t>(length);
  // "10.0.0.1/8" is more likely a mistyped length than a wish: refuse set bits past the prefix.
  for (unsigned bit = length; bit < bits; ++bit)
    if ((result.address.bytes[bit / 8] >> (7 - bit % 8) & 1) != 0) return errc::invalid_argument;
  out = result;
  return {};
}

std::size_t format_ip_address(const ip_address& address, std::span<char> out) noexcept {
  // Room for an IPv4 address as four numbers of any size.
  char text[INET6_ADDRSTRLEN + 4 * max_decimal_size];
  std::size_t size = 0;
  if (address.family == address_family::ipv4) {
    // inet_ntop() takes sprintf() for it: 30 times the instructions.
    char* to = text;
    for (std::size_t i = 0; i < 4; ++i) {
      if (i != 0) *to++ = '.';
      to = write_decimal(to, std::uint32_t{address.bytes[i]});
    }
    size = static_cast<std::size_t>(to - text);
  } else {
    if (inet_ntop(AF_INET6, address.bytes.data(), text, sizeof text) == nullptr) return 0;
    size = std::strlen(text);
  }
  if (size > out.size()) return 0;
  std::memcpy(out.data(), text, size);
  return size;
}

}  // namespace tcpinfo::inline v0
