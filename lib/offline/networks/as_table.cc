// SPDX-License-Identifier: Apache-2.0
#include "offline/networks/as_table.h"

#include <algorithm>
#include <bit>

namespace tcpinfo::offline {
namespace {

constexpr unsigned v4_bits = 32;
constexpr unsigned v6_bits = 128;

// The lowest `bits` of 64.
std::uint64_t low_bits(unsigned bits) noexcept {
  return bits >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << bits) - 1;
}

}  // namespace

as_table::place as_table::place_of(const ip_address& a) noexcept {
  place p;
  const auto take = [&a](std::size_t from, std::size_t to) {
    std::uint64_t n = 0;
    for (std::size_t i = from; i < to; ++i) n = n << 8U | a.bytes[i];
    return n;
  };
  if (a.family == address_family::ipv4) {
    p.low = take(0, 4);
  } else {
    p.high = take(0, 8);
    p.low = take(8, 16);
  }
  return p;
}

as_table::place as_table::last_of(const place& first, unsigned host_bits) noexcept {
  return {first.high | (host_bits > 64 ? low_bits(host_bits - 64) : 0),
          first.low | low_bits(host_bits)};
}

as_table::place as_table::next_of(const place& p) noexcept {
  return {p.low == ~std::uint64_t{0} ? p.high + 1 : p.high, p.low + 1};
}

void as_table::add(const ip_prefix& prefix, std::uint32_t number) {
  const bool is_v4 = prefix.address.family == address_family::ipv4;
  family& f = is_v4 ? v4_ : v6_;
  const ip_prefix clean = ip_prefix::of(prefix.address, prefix.length);
  f.networks.push_back({place_of(clean.address), number, clean.length});
}

bool as_table::add_range(const ip_address& first, const ip_address& last, std::uint32_t number) {
  place at = place_of(first);
  const place end = place_of(last);
  if (first.family != last.family || end < at) return false;
  const bool is_v4 = first.family == address_family::ipv4;
  family& f = is_v4 ? v4_ : v6_;
  const unsigned bits = is_v4 ? v4_bits : v6_bits;
  for (;;) {
    // The largest network that begins here and does not go beyond the end.
    unsigned host_bits = static_cast<unsigned>(at.low != 0 ? std::countr_zero(at.low)
                                                           : 64 + std::countr_zero(at.high));
    host_bits = std::min(host_bits, bits);
    while (end < last_of(at, host_bits)) --host_bits;
    f.networks.push_back({at, number, static_cast<std::uint8_t>(bits - host_bits)});
    const place done = last_of(at, host_bits);
    if (done == end) return true;
    at = next_of(done);
  }
}

void as_table::family::begin_piece(const place& first, std::uint32_t number) {
  if (!pieces.empty() && pieces.back().first == first)
    pieces.back().number = number;
  else
    pieces.push_back({first, number});
}

// Prefixes are in one another or apart, never across: those that the next one is in are a stack.
void as_table::family::flatten(unsigned bits) {
  std::stable_sort(networks.begin(), networks.end(), [](const network& a, const network& b) {
    return a.first != b.first ? a.first < b.first : a.length < b.length;
  });
  struct outer {
    place last;
    std::uint32_t number;
  };
  std::vector<outer> outers;
  const place most = last_of({}, bits);
  const auto leave_before = [&](const place* next) {
    while (!outers.empty() && (next == nullptr || outers.back().last < *next)) {
      const place last = outers.back().last;
      outers.pop_back();
      if (last != most) begin_piece(next_of(last), outers.empty() ? none : outers.back().number);
    }
  };
  pieces.clear();
  for (const network& n : networks) {
    leave_before(&n.first);
    begin_piece(n.first, n.number);
    outers.push_back({last_of(n.first, bits - n.length), n.number});
  }
  leave_before(nullptr);
  const auto end = std::unique(pieces.begin(), pieces.end(),
                               [](const piece& a, const piece& b) { return a.number == b.number; });
  pieces.erase(end, pieces.end());
  pieces.shrink_to_fit();
  networks = {};
}

void as_table::finish() {
  v4_.flatten(v4_bits);
  v6_.flatten(v6_bits);
}

std::uint32_t as_table::find(const ip_address& a) const noexcept {
  const ip_address address = a.unmapped();
  const std::vector<piece>& pieces = (address.family == address_family::ipv4 ? v4_ : v6_).pieces;
  const auto after =
      std::upper_bound(pieces.begin(), pieces.end(), place_of(address),
                       [](const place& p, const piece& one) { return p < one.first; });
  return after == pieces.begin() ? none : std::prev(after)->number;
}

std::string_view as_table::name_of(std::uint32_t number) const {
  const auto at = names_.find(number);
  return at == names_.end() ? std::string_view{} : std::string_view(at->second);
}

}  // namespace tcpinfo::offline
