// SPDX-License-Identifier: Apache-2.0
#include "offline/flows/flow_key.h"

#include <algorithm>

namespace tcpinfo::offline {
namespace {

constexpr std::size_t digits_of_cookie = 16;
constexpr std::string_view digits_of_cookies = "0123456789ABCDEF";

// As the collector writes a cookie, and no other way: it must come back letter for letter.
bool read_cookie(std::string_view text, std::uint64_t& out) {
  std::uint64_t value = 0;
  for (const char c : text) {
    const bool digit = c >= '0' && c <= '9';
    if (!digit && (c < 'A' || c > 'F')) return false;
    value = value << 4U | static_cast<std::uint64_t>(digit ? c - '0' : c - 'A' + 10);
  }
  out = value;
  return true;
}

void append_cookie(std::string& to, std::uint64_t value) {
  char digits[digits_of_cookie];
  for (std::size_t i = digits_of_cookie; i-- > 0; value >>= 4U)
    digits[i] = digits_of_cookies[value & 15U];
  to.append(digits, digits_of_cookie);
}

void append_text(std::string& to, const flow_key& key, const name_pool& names) {
  to += names.text(key.stem);
  if (key.digit_count != 0) append_cookie(to, key.digits);
}

std::string text_of(const flow_key& key, const name_pool& names) {
  std::string text;
  append_text(text, key, names);
  return text;
}

}  // namespace

flow_key flow_key::of(std::string_view key, bool cookie_added, name_pool& names) {
  flow_key k;
  k.cookie_added = cookie_added;
  std::string_view stem = key;
  if (key.size() >= digits_of_cookie &&
      read_cookie(key.substr(key.size() - digits_of_cookie), k.digits)) {
    k.digit_count = digits_of_cookie;
    stem.remove_suffix(digits_of_cookie);
  }
  k.stem = names.number(stem);
  return k;
}

void flow_key::append_uuid(std::string& to, const name_pool& names) const {
  append_text(to, *this, names);
  if (cookie_added) to.resize(to.size() - digits_of_cookie - 1);
}

bool flow_key::is_before(const flow_key& a, const flow_key& b, const name_pool& names) {
  if (a.stem == b.stem && a.digit_count == b.digit_count) return a.digits < b.digits;
  return text_of(a, names) < text_of(b, names);
}

}  // namespace tcpinfo::offline
