// SPDX-License-Identifier: Apache-2.0
#include "text/endpoints.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "text/values.h"
#include "text/whole_number.h"

namespace tcpinfo::text {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// Takes an end off the front of `text`. @return why there is none.
std::string take_endpoint(std::string_view& text, endpoint& out) {
  const std::string_view whole = text;
  std::string_view address;
  if (text.starts_with('[')) {
    const std::size_t end = text.find(']');
    if (end == std::string_view::npos) return fmt::format("'{}' lacks a ]", whole);
    address = text.substr(1, end - 1);
    text.remove_prefix(end + 1);
    // Some print the interface behind the bracket.
    if (text.starts_with('%')) text.remove_prefix(std::min(text.find(':'), text.size()));
    if (!text.starts_with(':')) return fmt::format("'{}' has no :PORT behind the ]", whole);
  } else {
    const std::size_t colon = text.find(':');
    if (colon == std::string_view::npos) return fmt::format("'{}' is no ADDRESS:PORT", whole);
    address = text.substr(0, colon);
    text.remove_prefix(colon);
  }
  text.remove_prefix(1);
  ip_address found;
  if (parse_ip_address(address.substr(0, address.find('%')), found))
    return fmt::format("'{}': '{}' is no IPv4 address, nor an IPv6 one in brackets", whole,
                       address);
  const auto not_digit = std::find_if_not(text.begin(), text.end(), is_digit);
  const std::string_view digits =
      text.substr(0, static_cast<std::size_t>(not_digit - text.begin()));
  const auto port = parse_whole(digits, std::numeric_limits<std::uint16_t>::max());
  if (!port) return fmt::format("'{}' has no port from 0 to 65535 (ss -n prints numbers)", whole);
  text.remove_prefix(digits.size());
  out = {found.unmapped(), static_cast<std::uint16_t>(*port)};
  return {};
}

/// Takes what stands between two ends.
bool take_separator(std::string_view& text) {
  const std::size_t size = text.size();
  text = trimmed(text);
  if (text.starts_with('-')) text.remove_prefix(1);
  text = trimmed(text);
  return text.size() < size;
}

}  // namespace

bool is_endpoint(std::string_view text) {
  endpoint ignored;
  return take_endpoint(text, ignored).empty() && text.empty();
}

std::string parse_ends(std::string_view text, endpoint_pair& out) {
  const std::string_view whole = text;
  if (std::string wrong = take_endpoint(text, out.one); !wrong.empty()) return wrong;
  if (!take_separator(text))
    return fmt::format("'{}': no '-' or blank stands behind the first end", whole);
  if (text.empty()) return fmt::format("'{}' is one end: the other one is missing", whole);
  if (std::string wrong = take_endpoint(text, out.other); !wrong.empty()) return wrong;
  if (!text.empty()) return fmt::format("'{}': '{}' stands behind both ends", whole, text);
  return {};
}

std::string format_end(const endpoint& end) {
  const std::string address = to_string(end.address);
  return end.address.family == address_family::ipv6 ? fmt::format("[{}]:{}", address, end.port)
                                                    : fmt::format("{}:{}", address, end.port);
}

std::string format_ends(const endpoint_pair& ends) {
  return fmt::format("{}-{}", format_end(ends.one), format_end(ends.other));
}

}  // namespace tcpinfo::text
