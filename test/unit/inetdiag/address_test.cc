// SPDX-License-Identifier: Apache-2.0
//
// Addresses, prefixes and socket ids as values: order, hash, text.
#include <tcpinfo/address.h>

#include <algorithm>
#include <compare>
#include <map>
#include <random>
#include <set>
#include <sstream>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "unit/catch.h"

using namespace tcpinfo;

namespace {

ip_address address(std::string_view text) {
  ip_address a;
  REQUIRE_FALSE(parse_ip_address(text, a));
  return a;
}

ip_prefix prefix(std::string_view text) {
  ip_prefix p;
  REQUIRE_FALSE(parse_ip_prefix(text, p));
  return p;
}

}  // namespace

TEST_CASE("a mapped prefix of 96 bits or more is the IPv4 one") {
  const ip_prefix mapped{address("::ffff:10.0.0.0"), 104};
  CHECK(mapped.contains(address("10.1.1.1")));
  CHECK(mapped.contains(address("::ffff:10.1.1.1")));
  CHECK_FALSE(mapped.contains(address("11.1.1.1")));
  CHECK((ip_prefix{address("::ffff:10.0.0.1"), 200}).contains(address("10.0.0.1")));
  CHECK_FALSE((ip_prefix{address("::ffff:10.0.0.1"), 200}).contains(address("10.0.0.2")));
  CHECK_FALSE(mapped.contains(address("::ffff:11.1.1.1")));
  CHECK((ip_prefix{address("::ffff:0.0.0.0"), 96}).contains(address("192.0.2.1")));
  CHECK_FALSE((ip_prefix{address("::ffff:0.0.0.0"), 95}).contains(address("192.0.2.1")));
  CHECK((ip_prefix{address("::ffff:0.0.0.0"), 95}).contains(address("::ffff:192.0.2.1")));
}

TEST_CASE("a prefix is made of any address in it") {
  CHECK(ip_prefix::of(address("192.0.2.77"), 24) == prefix("192.0.2.0/24"));
  CHECK(ip_prefix::of(address("192.0.2.77"), 31) == prefix("192.0.2.76/31"));
  CHECK(ip_prefix::of(address("192.0.2.77"), 0) == prefix("0.0.0.0/0"));
  CHECK(ip_prefix::of(address("192.0.2.77"), 32) == prefix("192.0.2.77"));
  CHECK(ip_prefix::of(address("192.0.2.77"), 99) == prefix("192.0.2.77"));
  CHECK(ip_prefix::of(address("2001:db8:1:2:3::4"), 48) == prefix("2001:db8:1::/48"));
  CHECK(ip_prefix::of(address("ffff::ffff"), 128) == prefix("ffff::ffff"));
  CHECK(ip_prefix::of(address("ffff::ffff"), 1000) == prefix("ffff::ffff"));
  std::mt19937 random(3);
  for (int round = 0; round < 1000; ++round) {
    ip_address a;
    a.family = random() % 2 == 0 ? address_family::ipv4 : address_family::ipv6;
    const unsigned size = a.family == address_family::ipv4 ? 4 : 16;
    for (unsigned i = 0; i < size; ++i) a.bytes[i] = static_cast<std::uint8_t>(random());
    const unsigned bits = static_cast<unsigned>(random() % (8 * size + 1));
    const ip_prefix p = ip_prefix::of(a, bits);
    CHECK(p.contains(a));
    // Its text is what parse_ip_prefix() takes: no bit is left behind the length.
    CHECK(prefix(to_string(p)) == p);
  }
}

TEST_CASE("values are ordered: networks lie together, and equal is what is the same") {
  std::vector<ip_address> all = {address("2001:db8::1"), address("10.0.0.2"), address("9.255.0.1"),
                                 address("::1"),         address("10.0.0.1"), ip_address{}};
  std::sort(all.begin(), all.end());
  std::string text;
  for (const ip_address& a : all)
    text += a.family == address_family::unspecified ? "none " : to_string(a) + ' ';
  CHECK(text == "none 9.255.0.1 10.0.0.1 10.0.0.2 ::1 2001:db8::1 ");
  CHECK(prefix("10.0.0.0/8") < prefix("10.0.0.0/16"));
  CHECK(prefix("10.0.0.0/16") < prefix("11.0.0.0/8"));
  socket_id a{address("10.0.0.1"), address("10.0.0.2"), 80, 1000, 0, 5};
  socket_id b = a;
  CHECK(a == b);
  CHECK(std::is_eq(a <=> b));
  b.cookie = 6;
  CHECK(a < b);
  b.src = address("9.0.0.1");
  CHECK(b < a);
}

TEST_CASE("values can be keys of unordered containers") {
  std::unordered_map<ip_prefix, int> by_network;
  ++by_network[ip_prefix::of(address("192.0.2.1"), 24)];
  ++by_network[ip_prefix::of(address("192.0.2.200"), 24)];
  ++by_network[ip_prefix::of(address("192.0.3.1"), 24)];
  CHECK(by_network.size() == 2);
  CHECK(by_network.at(prefix("192.0.2.0/24")) == 2);
  // Each member counts, and neighbours spread: no more than a few of 4,096 share a hash's low bits.
  std::unordered_set<socket_id> ids;
  std::map<std::size_t, int> low_bits;
  socket_id id{address("10.0.0.1"), address("10.0.0.2"), 80, 0, 0, 0};
  for (unsigned n = 0; n < 4096; ++n) {
    id.dport = static_cast<std::uint16_t>(n);
    ids.insert(id);
    ++low_bits[std::hash<socket_id>{}(id) % 4096];
  }
  CHECK(ids.size() == 4096);
  CHECK(low_bits.size() > 2000);
  const auto hash_of = std::hash<socket_id>{};
  std::set<std::size_t> hashes = {hash_of(id)};
  for (int member = 0; member < 6; ++member) {
    socket_id other = id;
    if (member == 0) other.src = address("10.0.0.3");
    if (member == 1) other.dst = address("10.0.0.3");
    if (member == 2) other.sport = 81;
    if (member == 3) other.dport = 81;
    if (member == 4) other.interface = 1;
    if (member == 5) other.cookie = 1;
    hashes.insert(hash_of(other));
  }
  CHECK(hashes.size() == 7);
}

TEST_CASE("values are written to streams as their text") {
  std::ostringstream out;
  socket_id id{address("192.0.2.1"), address("198.51.100.7"), 443, 50000, 0, 1};
  out << id.src << ' ' << prefix("10.0.0.0/8") << ' ' << id;
  CHECK(out.str() == "192.0.2.1 10.0.0.0/8 192.0.2.1:443 -> 198.51.100.7:50000");
  id.src = address("2001:db8::1");
  id.dst = address("::");
  CHECK(to_string(id) == "[2001:db8::1]:443 -> [::]:50000");
}

#if defined(__cpp_lib_format)
TEST_CASE("values are formatted as their text, with the width of a string") {
  CHECK(std::format("{:>12}|{}", address("192.0.2.1"), prefix("10.0.0.0/8")) ==
        "   192.0.2.1|10.0.0.0/8");
}
#endif
