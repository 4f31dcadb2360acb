// SPDX-License-Identifier: Apache-2.0
#include "offline/filters/wanted_connection.h"

#include <fmt/format.h>
#include <tcpinfo/archive.h>

#include <algorithm>
#include <charconv>

#include "common/hexadecimal.h"
#include "text/values.h"
#include "text/whole_number.h"

namespace tcpinfo::offline {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_hex_digit(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}
bool all(std::string_view text, bool (*holds)(char)) {
  return !text.empty() && std::all_of(text.begin(), text.end(), holds);
}

std::string as_hex(std::string_view digits) { return fmt::format("0x{}", digits); }

}  // namespace

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
    made.uuid = as_hex(digits);
    std::from_chars(digits.data(), digits.data() + digits.size(), made.cookie, 16);
  } else if (all(name, is_digit)) {
    const auto cookie = text::parse_whole(name);
    if (!cookie) return fmt::format("'{}' is no cookie: it has more than 64 bits", name);
    made.uuid = as_hex(fmt::format("{:x}", *cookie));
    made.cookie = *cookie;
  } else if (all(name, is_hex_digit)) {
    return fmt::format("'{}': a cookie in hexadecimal digits has 0x before it, or {} of them", name,
                       cookie_digits);
  } else if (std::uint64_t cookie = 0;
             parse_uuid_cookie(name, cookie) && name.find(':') != std::string_view::npos) {
    // A UUID may have a colon, before the cookie at its end.
    text::endpoint_pair ends;
    if (std::string wrong = text::parse_ends(name, ends); !wrong.empty()) return wrong;
    made.ends = ends;
  } else if (check_uuid(name)) {
    return fmt::format("'{}' is no UUID, no cookie and not both ends of a connection", name);
  } else {
    made.uuid = std::string(name);
    if (parse_uuid_cookie(name, made.cookie)) made.cookie = 0;
  }
  out = std::move(made);
  return {};
}

}  // namespace tcpinfo::offline
