// SPDX-License-Identifier: Apache-2.0
#include "inetdiag/prefix_set.h"

#include <algorithm>

namespace tcpinfo::inline v0 {
namespace {

ip_prefix shortened(ip_prefix prefix, unsigned length) noexcept {
  prefix.length = static_cast<std::uint8_t>(length);
  auto& bytes = prefix.address.bytes;
  std::size_t whole = length / 8U;
  if (length % 8U != 0) {
    bytes[whole] = static_cast<std::uint8_t>(bytes[whole] & (0xff00U >> length % 8U));
    ++whole;
  }
  std::fill(bytes.begin() + static_cast<std::ptrdiff_t>(whole), bytes.end(), std::uint8_t{0});
  return prefix;
}

bool before(const ip_prefix& a, const ip_prefix& b) noexcept {
  if (a.address.bytes != b.address.bytes) return a.address.bytes < b.address.bytes;
  return a.length < b.length;
}

// Two halves of one network, the first one first.
bool are_halves(const ip_prefix& a, const ip_prefix& b) noexcept {
  return a.length == b.length && a.length > 0 &&
         shortened(a, a.length - 1U) == shortened(b, b.length - 1U);
}

void fold(std::vector<ip_prefix>& prefixes) {
  std::sort(prefixes.begin(), prefixes.end(), before);
  std::size_t kept = 0;
  for (ip_prefix next : prefixes) {
    if (kept > 0 && prefixes[kept - 1].contains(next.address)) continue;
    for (; kept > 0 && are_halves(prefixes[kept - 1], next); --kept)
      next = shortened(next, next.length - 1U);
    prefixes[kept++] = next;
  }
  prefixes.resize(kept);
}

bool has(const std::vector<ip_prefix>& prefixes, const ip_address& address) noexcept {
  const auto behind = std::upper_bound(
      prefixes.begin(), prefixes.end(), address,
      [](const ip_address& a, const ip_prefix& b) { return a.bytes < b.address.bytes; });
  // They are disjoint: only the last that begins before the address can have it.
  return behind != prefixes.begin() && std::prev(behind)->contains(address);
}

}  // namespace

void prefix_set::add(const ip_prefix& prefix) {
  const bool v4 = prefix.address.family == address_family::ipv4;
  (v4 ? v4_ : v6_).push_back(shortened(prefix, prefix.length));
}

void prefix_set::fold() {
  tcpinfo::fold(v4_);
  tcpinfo::fold(v6_);
}

bool prefix_set::contains(const ip_address& address) const noexcept {
  const ip_address plain = address.unmapped();
  if (plain.family == address_family::ipv4 && has(v4_, plain)) return true;
  return address.family == address_family::ipv6 && has(v6_, address);
}

}  // namespace tcpinfo::inline v0
