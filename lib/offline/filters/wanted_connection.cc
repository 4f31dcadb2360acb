// SPDX-License-Identifier: Apache-2.0
#include "offline/filters/wanted_connection.h"

#include <fmt/format.h>
#include <tcpinfo/archive.h>

#include <algorithm>
#include <charconv>
#include <limits>

#include "text/values.h"
#include "text/whole_number.h"

namespace tcpinfo::offline {
namespace {

constexpr std::size_t cookie_digits = 16;

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_hex_digit(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}
bool all(std::string_view text, bool (*holds)(char)) {
  return !text.empty() && std::all_of(text.begin(), text.end(), holds);
}

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
  const auto port = text::parse_whole(digits, std::numeric_limits<std::uint16_t>::max());
  if (!port) return fmt::format("'{}' has no port from 0 to 65535 (ss -n prints numbers)", whole);
  text.remove_prefix(digits.size());
  out = {found.unmapped(), static_cast<std::uint16_t>(*port)};
  return {};
}

/// Takes what stands between two ends.
bool take_separator(std::string_view& text) {
  const std::size_t size = text.size();
  text = text::trimmed(text);
  if (text.starts_with('-')) text.remove_prefix(1);
  text = text::trimmed(text);
  return text.size() < size;
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

std::string in_hex(std::string_view digits) { return fmt::format("0x{}", digits); }

}  // namespace

bool is_endpoint(std::string_view text) {
  endpoint ignored;
  return take_endpoint(text, ignored).empty() && text.empty();
}

std::string parse_connection_name(std::string_view text, connection_name& out) {
  const std::string_view name = text::trimmed(text);
  connection_name made{std::string(name)};
  std::string_view digits = name;
  bool hex = false;
  for (const std::string_view before : {"sk:", "0x", "0X"})
    if (name.starts_with(before)) {
      digits.remove_prefix(before.size());
      hex = true;
      if (!all(digits, is_hex_digit) || digits.size() > cookie_digits)
        return fmt::format("'{}' is no cookie: 1 to {} hexadecimal digits stand behind {}", name,
                           cookie_digits, before);
    }
  if (hex || (digits.size() == cookie_digits && all(digits, is_hex_digit))) {
    made.uuids = {in_hex(digits)};
    std::from_chars(digits.data(), digits.data() + digits.size(), made.cookie, 16);
  } else if (all(name, is_digit)) {
    const auto cookie = text::parse_whole(name);
    if (!cookie) return fmt::format("'{}' is no cookie: it has more than 64 bits", name);
    made.uuids = {in_hex(fmt::format("{:x}", *cookie))};
    made.cookie = *cookie;
  } else if (all(name, is_hex_digit)) {
    return fmt::format("'{}': a cookie in hexadecimal digits has 0x before it, or {} of them", name,
                       cookie_digits);
  } else if (std::uint64_t cookie = 0;
             parse_uuid_cookie(name, cookie) && name.find(':') != std::string_view::npos) {
    // A UUID may have a colon, before the cookie at its end.
    endpoint_pair ends;
    if (std::string wrong = parse_ends(name, ends); !wrong.empty()) return wrong;
    made.ends = ends;
  } else if (check_uuid(name)) {
    return fmt::format("'{}' is no UUID, no cookie and not both ends of a connection", name);
  } else {
    made.uuids = {std::string(name)};
    if (parse_uuid_cookie(name, made.cookie)) made.cookie = 0;
  }
  out = std::move(made);
  return {};
}

bool ends_filter::wants(const input_record& r) {
  const socket_id id = r.m.id();
  const endpoint here{id.src.unmapped(), id.sport};
  const endpoint there{id.dst.unmapped(), id.dport};
  const bool is_it =
      (here == ends_.one && there == ends_.other) || (here == ends_.other && there == ends_.one);
  if (is_it) {
    met_.insert(r.connection_key());
    return true;
  }
  const bool lost = id.dport == 0 && r.m.state() == static_cast<std::uint8_t>(tcp_state::close);
  if (lost) return met_.contains(r.connection_key());
  // The socket was connected anew.
  if (!met_.empty()) met_.erase(r.connection_key());
  return false;
}

}  // namespace tcpinfo::offline
