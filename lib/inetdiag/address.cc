// SPDX-License-Identifier: Apache-2.0
//
// Addresses and prefixes as text.
#include <arpa/inet.h>
#include <tcpinfo/inetdiag.h>

#include <charconv>

#include "common/decimal.h"

namespace tcpinfo::inline v0 {
namespace {

// 255.255.255.255, of numbers of any size.
constexpr std::size_t max_ipv4_size = 4 * max_decimal_size + 3;
// Eight groups of four digits, with colons between; two of them as an IPv4 address.
constexpr std::size_t max_ipv6_size = 8 * 5 + max_ipv4_size;

char* write_ipv4(char* to, const std::uint8_t* bytes) noexcept {
  for (std::size_t i = 0; i < 4; ++i) {
    if (i != 0) *to++ = '.';
    to = write_decimal(to, std::uint32_t{bytes[i]});
  }
  return to;
}

// Without leading zeros.
char* write_group(char* to, unsigned group) noexcept {
  for (unsigned shift = group > 0xfff ? 12 : group > 0xff ? 8 : group > 0xf ? 4 : 0;; shift -= 4) {
    *to++ = "0123456789abcdef"[group >> shift & 0xfU];
    if (shift == 0) return to;
  }
}

// As inet_ntop(): of the longest stretches of two zeros or more the first is left out, and what
// holds an IPv4 address ends with it.
char* write_ipv6(char* to, const std::uint8_t* bytes) noexcept {
  constexpr std::size_t groups = 8;
  const auto group = [bytes](std::size_t i) {
    return static_cast<unsigned>(bytes[2 * i]) << 8U | bytes[2 * i + 1];
  };
  std::size_t zeros = groups;
  std::size_t zeros_end = groups;
  std::size_t longest = 1;
  for (std::size_t i = 0; i < groups;) {
    std::size_t end = i;
    while (end < groups && group(end) == 0) ++end;
    if (end - i > longest) {
      longest = end - i;
      zeros = i;
      zeros_end = end;
    }
    i = end + 1;
  }
  const bool has_ipv4 = zeros == 0 && (zeros_end == 6 || (zeros_end == 5 && group(5) == 0xffff));
  for (std::size_t i = 0; i < groups; ++i) {
    if (i == zeros) {
      *to++ = ':';
      i = zeros_end - 1;
      if (zeros_end == groups) *to++ = ':';
      continue;
    }
    if (i != 0) *to++ = ':';
    if (i == 6 && has_ipv4) return write_ipv4(to, bytes + 12);
    to = write_group(to, group(i));
  }
  return to;
}

}  // namespace

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
  // inet_ntop() takes sprintf() for it: 20 to 30 times the instructions.
  char text[max_ipv6_size];
  const char* const end = address.family == address_family::ipv4
                              ? write_ipv4(text, address.bytes.data())
                              : write_ipv6(text, address.bytes.data());
  const auto size = static_cast<std::size_t>(end - text);
  if (size > out.size()) return 0;
  std::memcpy(out.data(), text, size);
  return size;
}

}  // namespace tcpinfo::inline v0
